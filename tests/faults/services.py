"""What the processes stand on: messages between them, Redis, PostgreSQL."""

import asyncio
import os
import signal

import redis.asyncio

from tests.faults.leftovers import STRAYS
from tests.faults.load import Upload, picture
from tests.faults.screens import watching
from tests.faults.trial import Trial
from tests.faults.verdict import rows_of
from tests.faults.waiting import all_run, answers, happens


async def spoil_messages(trial: Trial, act: str, seconds: float = 0) -> None:
    """Every message between processes is dropped, doubled, or late and out of order, the very last one too."""
    for service in ("web", "worker"):
        trial.stack.orders.give("messages", service, act, seconds=seconds)
    await asyncio.sleep(trial.outage(2, 5))
    trial.load.finish()
    await happens(lambda: all(upload.image for upload in trial.load.uploads))
    await happens(lambda: all(row.status != "queued" for row in rows_of(trial.stack, trial.gallery)))


async def redis_away(trial: Trial) -> None:
    """Nobody answers on Redis' port."""
    trial.stack.hold("redis.1")
    try:
        await goes_on(trial)
        await asyncio.sleep(trial.outage(2, 58))
    finally:
        trial.stack.let_go("redis.1")
    await all_run(trial)


async def redis_hangs(trial: Trial) -> None:
    """Redis takes connections and says nothing."""
    pid = trial.stack.send("redis.1", signal.SIGSTOP)
    try:
        await goes_on(trial)
        await asyncio.sleep(trial.outage(2, 58))
    finally:
        os.kill(pid, signal.SIGCONT)


async def redis_restarts(trial: Trial) -> None:
    """Redis ends and is there again, having forgotten everything."""
    trial.stack.kill("redis.1")
    await all_run(trial)


async def redis_flushed(trial: Trial) -> None:
    """Somebody empties Redis."""
    client = redis.asyncio.from_url(trial.stack.settings["REDIS_URL"])  # type: ignore[no-untyped-call]
    await client.flushall()
    await client.aclose()


async def goes_on(trial: Trial) -> None:
    """Somebody who comes now sees what is uploaded now, become ready."""
    async with asyncio.timeout(60), watching(trial.slug, trial.stack.address, 2) as newcomers:
        upload = await trial.load.send(Upload(picture()))
        while any(screen.shown().get(upload.image, (0, ""))[1] != "ready" for screen in newcomers):
            await asyncio.sleep(0.05)


async def database_crashes(trial: Trial) -> None:
    """PostgreSQL ends in immediate mode, and recovers."""
    trial.expected.leftovers = STRAYS
    trial.stack.send("db.1", signal.SIGQUIT)
    await asyncio.sleep(0.3)
    await happens(lambda: answers(trial))


async def database_away(trial: Trial) -> None:
    """PostgreSQL is gone for a while."""
    trial.expected.leftovers = STRAYS
    trial.stack.hold("db.1")
    await asyncio.sleep(trial.outage(3, 20))
    trial.stack.let_go("db.1")
    await happens(lambda: answers(trial))
