"""One fault from end to end: a gallery of its own under load, watched; the fault; its end; the verdict."""

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from tests.faults import verdict
from tests.faults.fleet import FaultyFleet
from tests.faults.load import Load, visiting
from tests.faults.screens import Screen, watching
from tests.faults.server import FaultyServer
from tests.faults.verdict import Expected, Verdict

SETTLE_SECONDS = 60

Stack = FaultyFleet | FaultyServer


@dataclass
class Trial:
    """What a fault works with. `long` asks for outages as long as they are in life, else they are short."""

    stack: Stack
    slug: str
    gallery: int
    load: Load
    screens: list[Screen]
    long: bool
    expected: Expected = field(default_factory=Expected)

    def outage(self, short: float, long: float) -> float:
        """How long something stays away, in seconds."""
        return long if self.long else short


Inject = Callable[[Trial], Awaitable[None]]


@dataclass(frozen=True)
class Fault:
    """`inject` brings the fault about and returns when it has ended. `screens` watch; `load` says whether others
    upload meanwhile, `embedded` that it is for the stack of `make run`, `mounts` that it needs small disks."""

    name: str
    inject: Inject
    screens: int = 8
    load: bool = True
    embedded: bool = False
    mounts: bool = False


async def run(stack: Stack, fault: Fault, *, long: bool = False) -> Verdict:
    """Inject one fault at a random moment, and judge what is left of it."""
    slug = f"g{secrets.token_hex(4)}"
    gallery = await asyncio.to_thread(new_gallery, stack, slug)
    async with (
        visiting(stack.address, slug) as load,
        watching(slug, stack.address, fault.screens) as screens,
    ):
        trial = Trial(stack, slug, gallery, load, screens, long)
        uploading = asyncio.create_task(load.run() if fault.load else asyncio.sleep(0))
        await asyncio.sleep(random.uniform(0.3, 1.5))
        try:
            await fault.inject(trial)
        finally:
            stack.orders.take_back()
        healed = time.monotonic()
        await asyncio.sleep(0.2)
        load.finish()
        with suppress(TimeoutError):
            await asyncio.wait_for(uploading, SETTLE_SECONDS)
        found = await verdict.reach(stack, gallery, load, screens, trial.expected, healed)
        found.stuck += [f"upload {upload.key}" for upload in load.uploads if not (upload.image or upload.refusal)]
    await asyncio.to_thread(forget, stack, gallery)
    return found


def new_gallery(stack: Stack, slug: str) -> int:
    """An empty gallery; its id."""
    ((gallery,),) = stack.query(
        "INSERT INTO imgs_gallery (slug, title, head, floor, epoch, settings) VALUES (%s, %s, 0, 0, %s, '{}')"
        " RETURNING id",
        slug,
        slug,
        secrets.token_hex(8),
    )
    return int(gallery)


def forget(stack: Stack, gallery: int) -> None:
    """Take the pictures of a gallery away: the next trial needs the room."""
    for row in verdict.rows_of(stack, gallery):
        row.original.unlink(missing_ok=True)
        if row.compressed:
            row.compressed.unlink(missing_ok=True)
        for path in row.renditions:
            path.unlink(missing_ok=True)
    stack.query("DELETE FROM imgs_uploadedimage WHERE gallery_id = %s RETURNING 1", gallery)
