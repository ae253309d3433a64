"""Waiting for what nothing announces."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import httpx
import psycopg2

from tests.faults.trial import Trial

RESTART_SECONDS = 20


async def happens(condition: Callable[[], bool], seconds: float = RESTART_SECONDS) -> None:
    """Wait until `condition()` holds. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.05)


async def all_run(trial: Trial) -> None:
    """Wait until every replica has a process again."""
    await happens(lambda: all(trial.stack.is_running(name) for name in trial.stack.replicas))


def answers(trial: Trial) -> bool:
    """Whether the database takes connections."""
    with suppress(psycopg2.Error, OSError):
        return bool(trial.stack.query("SELECT 1"))
    return False


def is_ready(address: str) -> bool:
    """Whether a web process says that it is."""
    with suppress(httpx.HTTPError):
        return httpx.get(f"{address}/readyz", timeout=2, trust_env=False).status_code == 200
    return False


async def ended(trial: Trial, image: str) -> None:
    """Wait until an image is no longer in the queue, as the first screen shows it."""
    await happens(lambda: trial.screens[0].shown().get(image, (0, "queued"))[1] != "queued", 60)
