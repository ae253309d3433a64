"""The disk under the gallery: files that outlive a power cut, and how an error says that there is no room."""

import errno
import fcntl
import os
import sqlite3
from pathlib import Path
from typing import Any

from django.core.files.storage import FileSystemStorage
from django.db import connection

FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
FULL_SQLITE = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE})
FULL_POSTGRESQL = "53100"
RESERVE_BYTES = 1024 * 1024
FULL_SYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None)  # on macOS, where fsync stops at the drive's own memory


class DurableStorage(FileSystemStorage):
    """Files of this machine: there whole and for good once `save` has returned, or not at all.

    A file gets its name only after its bytes are on the disk, so neither a kill nor a power cut leaves half of one
    under the name that a row is about to hold.
    """

    def _save(self, name: str, content: Any) -> str:
        unfinished, target = Path(self.path(f"{name}.part")), Path(self.path(name))
        unfinished.unlink(missing_ok=True)  # left by a restore that was killed
        try:
            super()._save(f"{name}.part", content)  # type: ignore[misc]  # the stubs leave it out
            _bring_to_disk(unfinished)
            unfinished.replace(target)
            _bring_to_disk(target.parent)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        return name


def is_full(error: BaseException | None) -> bool:
    """Whether an error of a file or of the database, or what caused it, says that there is no room on the disk."""
    if error is None:
        return False
    if isinstance(error, OSError) and error.errno in FULL_DISK:
        return True
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) in FULL_SQLITE
    return getattr(error, "pgcode", None) == FULL_POSTGRESQL or is_full(error.__cause__)


def keep_reserve() -> None:
    """Take some room beside an SQLite database for as long as there is enough, so that it can be given up later."""
    path = _reserve()
    if path is None or path.exists():
        return
    try:
        path.write_bytes(os.urandom(RESERVE_BYTES))  # at random, so that no file system packs it
    except OSError:
        path.unlink(missing_ok=True)


def release_reserve() -> bool:
    """Give the room up, so that what people do to tidy up a full disk can be written down; False when it was gone."""
    path = _reserve()
    if path is None or not path.exists():
        return False
    path.unlink(missing_ok=True)
    return True


def _reserve() -> Path | None:
    """The file that takes the room. PostgreSQL has its own way: it keeps the files of its log and writes them again."""
    return Path(connection.settings_dict["NAME"]).with_name("reserve") if connection.vendor == "sqlite" else None


def _bring_to_disk(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        if FULL_SYNC is None:
            os.fsync(opened)
        else:
            fcntl.fcntl(opened, FULL_SYNC)
    finally:
        os.close(opened)
