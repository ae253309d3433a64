"""Whether the parts underneath are usable right now: each check raises when its part is not."""

import tempfile
from collections.abc import Callable

from django.conf import settings
from django.db import connection

from imgs import notify, storing
from imgs.models import Gallery


def check_database() -> None:
    """Ask the database for something; a connection that broke since the last time is replaced first."""
    connection.close_if_unusable_or_obsolete()
    Gallery.objects.exists()


def check_channel_layer() -> None:
    """Send a message to nobody."""
    notify.outbox.check()


def check_storage() -> None:
    """Write a file where uploads arrive, and look for the folder that keeps them."""
    storing.check_storage()
    with tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as file:
        file.write(b"0")


CHECKS: dict[str, Callable[[], None]] = {
    "database": check_database,
    "channel layer": check_channel_layer,
    "storage": check_storage,
}
