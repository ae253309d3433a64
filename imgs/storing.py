"""Files on their way into storage: moved into place whole, and taken away again when no row names them."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import DatabaseError

from imgs.models import UploadedImage

log = logging.getLogger(__name__)


class FinishedFile(File):  # type: ignore[type-arg]
    """A file that the storage moves into place instead of copying it."""

    def __init__(self, path: Path) -> None:
        super().__init__(None, str(path))

    def temporary_file_path(self) -> str:
        """Where it lies."""
        return str(self.name)


class StorageAway(OSError):
    """The storage is not what it should be, as when its disk is not mounted: nothing in it can be judged, and nothing
    may be put where the disk would cover it.
    """


def check_storage() -> None:
    """Raise StorageAway when there are images, but no place where originals could be."""
    try:
        folders, _files = default_storage.listdir("")
    except FileNotFoundError:
        folders = []
    if "originals" not in folders and UploadedImage.objects.exclude(status=UploadedImage.Status.REMOVED).exists():
        raise StorageAway("there are images, but the storage has no folder `originals`; is its disk mounted?")


@contextmanager
def stored(image: UUID, files: dict[str, Path]) -> Iterator[dict[str, str]]:
    """Move finished files into storage under the wanted names; the names they got, for a row that is about to say them.

    When the block raises they are taken away again. Raises OSError when there is no room for all of them.
    """
    names: dict[str, str] = {}
    try:
        for wanted, path in files.items():
            names[wanted] = default_storage.save(wanted, FinishedFile(path))
        yield names
    except BaseException:
        for name in names.values():
            discard_unless_named(name, image)
        raise


def discard_unless_named(name: str, image: UUID) -> None:
    """Delete a stored file, unless the row of `image` names it.

    The answer to a commit can be lost after the commit was done, so the row is asked for. When the database can't be
    asked, the file stays: one left over is better than a row without its file.
    """
    try:
        row = UploadedImage.objects.filter(pk=image).first()
        named = row is not None and name in row.file_names
    except DatabaseError:
        log.warning("a file may be left over", extra={"file": name})
    else:
        if not named:
            default_storage.delete(name)
