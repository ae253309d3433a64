"""Real disks of a few kilobytes, for what happens when one is full."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

BLOCK = bytes(4096)


class SmallDisk:
    """A mounted file system. `fill` leaves no byte free in it, `free` gives all of them back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Write until there is no room."""
        with self._ballast.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(BLOCK)
        assert os.statvfs(self.folder).f_bavail == 0

    def free(self) -> None:
        """Take away what `fill` wrote."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[SmallDisk]:
    """An empty disk of `size` (such as `64k`) in the place of `folder`, gone when the block ends."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
