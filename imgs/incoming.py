"""The files of a request while they arrive."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.core.files.uploadhandler import TemporaryFileUploadHandler

EXTENSION_MAX_LETTERS = 100


class IncomingFileHandler(TemporaryFileUploadHandler):
    """Brings every file to the disk, under a temporary name of our own."""

    def new_file(self, field_name: str, file_name: str, *facts: Any, **more: Any) -> None:
        """Begin a file. Its name is kept beside it: as part of the temporary name it could be too long for the disk."""
        super().new_file(field_name, "incoming", *facts, **more)
        stem, extension = os.path.splitext(file_name)
        # Else Django shortens a name to its extension alone, which then counts as a name without one
        self.file.name = self.file_name = stem + extension[:EXTENSION_MAX_LETTERS]

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Bring a piece of it to the disk."""
        with self._gone_at_once():
            super().receive_data_chunk(raw_data, start)

    def file_complete(self, file_size: int) -> Any:
        """The whole file."""
        with self._gone_at_once():
            return super().file_complete(file_size)

    @contextmanager
    def _gone_at_once(self) -> Iterator[None]:
        """What the disk did not take is deleted; Django would leave that to the next garbage collection."""
        try:
            yield
        except OSError:
            with suppress(OSError):  # closing writes what is buffered
                self.file.close()
            raise
