"""The files of a request while they arrive."""

import os
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
