"""Whether the parts underneath are usable right now."""

import tempfile

from django.conf import settings
from django.db import Error as DatabaseError

from imgs import notify
from imgs.models import Gallery


def broken_parts() -> dict[str, str]:
    """What is not usable, and why in a word; empty when all is well."""
    checks = {"database": _database, "channel layer": notify.outbox.check, "storage": _storage}
    broken = {}
    for part, check in checks.items():
        try:
            check()
        except (DatabaseError, OSError, RuntimeError) as error:
            broken[part] = type(error).__name__
    return broken


def _database() -> None:
    Gallery.objects.exists()


def _storage() -> None:
    with tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as file:
        file.write(b"0")
