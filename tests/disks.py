"""Real disks, small ones, for what happens when one is full."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import pytest

BLOCK = bytes(4096)


class SmallDisk:
    """A mounted file system. `fill` leaves no byte free in it, `free` gives all of them back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, *, leave_bytes: int = 0) -> None:
        """Take all the room there is, but for `leave_bytes`."""
        disk = os.statvfs(self.folder)
        with self._ballast.open("ab", buffering=0) as file:
            with suppress(OSError):  # fast; takes nothing when others were faster
                size = file.seek(0, os.SEEK_END)
                os.posix_fallocate(file.fileno(), size, max(1, disk.f_bavail * disk.f_frsize - leave_bytes))
            with suppress(OSError):
                while not leave_bytes:
                    file.write(BLOCK)

    def free(self) -> None:
        """Take away what `fill` wrote."""
        self._ballast.unlink(missing_ok=True)


@cache
def can_mount() -> bool:
    """Whether this user may mount disks."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            _mount(Path(folder), "64k")
        except (OSError, subprocess.CalledProcessError):
            return False
        _unmount(Path(folder))
    return True


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[SmallDisk]:
    """An empty disk of `size` (such as `64k`) in the place of `folder`, gone when the block ends.

    Where this user may not mount any, the test that asks for it is skipped.
    """
    if not can_mount():
        pytest.skip("mounting a small disk needs root")
    folder.mkdir(parents=True, exist_ok=True)
    _mount(folder, size)
    try:
        yield SmallDisk(folder)
    finally:
        _unmount(folder)


def _mount(folder: Path, size: str) -> None:
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(folder)]
    subprocess.run(command, capture_output=True, check=True)


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
