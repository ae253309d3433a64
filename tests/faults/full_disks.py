"""Disks without room."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.disks import SmallDisk, small_disk
from tests.faults import staff
from tests.faults.leftovers import STRAYS, UNFINISHED
from tests.faults.trial import Trial
from tests.faults.waiting import answers, happens


async def media_full(trial: Trial) -> None:
    """Not a byte more fits on the disk of pictures; removals still work."""
    await asyncio.sleep(0.5)
    with full(trial.stack.media):
        await remove_one(trial)
        await asyncio.sleep(trial.outage(2, 5))


async def media_nearly_full(trial: Trial) -> None:
    """A little is left for the workers, and less and less: some results fit and some don't."""
    with full(trial.stack.media, leave_bytes=random.randrange(4_000, 100_000)):
        await asyncio.sleep(trial.outage(2, 5))


async def temporary_files_full(trial: Trial) -> None:
    """There is no room for files on their way."""
    trial.expected.leftovers = (UNFINISHED,)  # the disk covers what was begun before
    with small_disk(trial.stack.media / "tmp", "64k") as disk:
        disk.fill()
        await asyncio.sleep(trial.outage(2, 5))


async def database_disk_full(trial: Trial) -> None:
    """PostgreSQL can't write any more; when there is room it recovers."""
    trial.expected.leftovers = STRAYS
    with full(trial.stack.folder / "db"):
        await asyncio.sleep(trial.outage(3, 6))
    await happens(lambda: answers(trial), 60)


async def one_disk_full(trial: Trial) -> None:
    """Pictures, temporary files and the database lie on one disk, and it is full."""
    with full(trial.stack.data):
        await asyncio.sleep(trial.outage(2, 5))


@contextmanager
def full(folder: Path, *, leave_bytes: int = 0) -> Iterator[None]:
    """The disk at `folder` has no room, but for `leave_bytes`, until the block ends."""
    disk = SmallDisk(folder)
    disk.fill(leave_bytes=leave_bytes)
    try:
        yield
    finally:
        disk.free()


async def remove_one(trial: Trial) -> None:
    """Remove a picture that is ready."""
    ready = [image for image, (_, status) in trial.screens[0].shown().items() if status == "ready"]
    if ready:
        async with staff.logged_in(trial.stack.address) as person:
            assert await person.remove(ready[0]) == 200
        trial.expected.ends[ready[0]] = "removed"
