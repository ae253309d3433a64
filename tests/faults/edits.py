"""Edits of a picture while somebody else edits or removes it, or while the worker dies that makes it."""

import asyncio
import random
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import httpx

from tests.faults import staff
from tests.faults.load import Upload, picture
from tests.faults.processes import killed
from tests.faults.trial import Trial
from tests.faults.verdict import rows_of
from tests.faults.waiting import ended

EDIT_SECONDS = 40.0
TURNS = (90, 180, 270)


async def two_at_once(trial: Trial, service: str = "worker") -> None:
    """Two windows of one visitor turn a picture at the same moment: one is obeyed, the other told that it changed."""
    trial.stack.orders.give("edited", service, "wait", times=2, seconds=0.7)
    for _ in range(3):
        card = await shown_card(trial)
        turns = random.sample(TURNS, 2)
        ways = zip(turns, (trial.stack.web_address(1), trial.stack.web_address(2)), strict=True)
        statuses = await asyncio.gather(*(trial.load.turn(card["id"], degrees, address) for degrees, address in ways))
        assert sorted(statuses) == [202, 409], statuses
        trial.expected.turned[card["id"]] = turns[statuses.index(202)]
        await is_shown_until_turned(trial, card)


async def against_removal(trial: Trial) -> None:
    """Staff removes pictures that their visitor is turning: they are gone, whoever was first."""
    async with staff.logged_in(trial.stack.web_address(2)) as person:
        for _ in range(4):
            image = (await shown_card(trial))["id"]
            pauses = random.sample([0, random.uniform(0, 0.3)], 2)
            turned, removed = await asyncio.gather(
                after(pauses[0], trial.load.turn(image, 90)), after(pauses[1], person.remove(image))
            )
            assert removed == 200
            assert turned in {202, 404, 409}, turned
            trial.expected.ends[image] = "removed"


async def killed_over_one(trial: Trial, service: str = "worker") -> None:
    """kill -9 of whoever makes an edit, at whatever moment; somebody else makes it."""
    card = await shown_card(trial)
    point = random.choice(["edit", "edited"])
    order = trial.stack.orders.give(point, service, "SIGKILL", times=1, seconds=0.03)
    status = await trial.load.turn(card["id"], 90)
    assert status in {202, 0}, status  # the one process may die before it has answered
    trial.expected.turned[card["id"]] = 90
    await asyncio.gather(killed(trial, order), is_shown_until_turned(trial, card))


async def shown_card(trial: Trial) -> dict[str, Any]:
    """The card of a picture of the visitor's that is ready, its renditions perhaps not yet, on the first screen."""
    upload = await trial.load.send(Upload(picture(444, 333)))
    await ended(trial, upload.image)
    return trial.screens[0].cards[upload.image]


async def is_shown_until_turned(trial: Trial, card: dict[str, Any]) -> None:
    """Fetch the version of `card` again and again, past the proxy and its cache, until the first screen has the next.

    It may be gone only once the row names another one. An answer that does not come is the fault's.
    """
    address = f"{trial.stack.web_address(1)}{card['compressed_url']}"
    async with asyncio.timeout(EDIT_SECONDS), httpx.AsyncClient(timeout=5, trust_env=False) as http:
        while trial.screens[0].cards[card["id"]]["revision"] == card["revision"]:
            with suppress(httpx.TransportError):
                answer = await http.get(address)
                if answer.status_code != 200 or len(answer.content) != card["compressed_size"]:
                    present = await revision_of(trial, card["id"])
                    assert present > card["revision"], f"gone with {answer.status_code} before the next was there"
            await asyncio.sleep(0.05)


async def revision_of(trial: Trial, image: str) -> int:
    """Which version the row has."""
    rows = await asyncio.to_thread(rows_of, trial.stack, trial.gallery)
    return next(row.revision for row in rows if row.image == image)


async def after(seconds: float, act: Coroutine[Any, Any, int]) -> int:
    """Do something a little later."""
    await asyncio.sleep(seconds)
    return await act
