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
from tests.faults.verdict import Verdict

SETTLE_SECONDS = 60


@dataclass
class Trial:
    """What a fault works with. `long` asks for outages as long as they are in life, else they are short."""

    fleet: FaultyFleet
    slug: str
    gallery: int
    load: Load
    screens: list[Screen]
    long: bool
    expected: dict[str, str] = field(default_factory=dict)

    def outage(self, short: float, long: float) -> float:
        """How long something stays away, in seconds."""
        return long if self.long else short


Inject = Callable[[Trial], Awaitable[None]]


@dataclass(frozen=True)
class Fault:
    """`inject` brings the fault about and returns when it has ended. `screens` watch; `load` says whether others
    upload meanwhile."""

    name: str
    inject: Inject
    screens: int = 8
    load: bool = True


async def run(fleet: FaultyFleet, fault: Fault, *, long: bool = False) -> Verdict:
    """Inject one fault at a random moment, and judge what is left of it."""
    slug = f"g{secrets.token_hex(4)}"
    gallery = await asyncio.to_thread(new_gallery, fleet, slug)
    async with (
        visiting(fleet.address, slug) as load,
        watching(slug, fleet.address, fault.screens) as screens,
    ):
        trial = Trial(fleet, slug, gallery, load, screens, long)
        uploading = asyncio.create_task(load.run() if fault.load else asyncio.sleep(0))
        await asyncio.sleep(random.uniform(0.3, 1.5))
        try:
            await fault.inject(trial)
        finally:
            fleet.orders.take_back()
        healed = time.monotonic()
        await asyncio.sleep(0.2)
        load.finish()
        with suppress(TimeoutError):
            await asyncio.wait_for(uploading, SETTLE_SECONDS)
        found = await verdict.reach(fleet, gallery, load, screens, trial.expected)
        found.stuck += [f"upload {upload.key}" for upload in load.uploads if not upload.image]
        found.seconds = time.monotonic() - healed
    return found


def new_gallery(fleet: FaultyFleet, slug: str) -> int:
    """An empty gallery; its id."""
    connection = fleet.database()
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO imgs_gallery (slug, title, head, floor, epoch, settings) VALUES (%s, %s, 0, 0, %s, '{}')"
                " RETURNING id",
                [slug, slug, secrets.token_hex(8)],
            )
            return int(cursor.fetchone()[0])
    finally:
        connection.close()
