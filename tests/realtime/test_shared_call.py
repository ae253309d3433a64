"""One call for all who ask at about the same time, never older than the question."""

import asyncio

import pytest

from realtime.shared_call import SharedCall


class Function:
    """Counts its calls and lets each end when told to."""

    def __init__(self) -> None:
        self.began: list[float] = []
        self.may_end = asyncio.Event()

    async def __call__(self) -> None:
        self.began.append(asyncio.get_running_loop().time())
        await self.may_end.wait()


async def test_all_who_ask_at_once_share_one_call() -> None:
    function = Function()
    function.may_end.set()
    call = SharedCall(function, 0)
    await asyncio.gather(*[call() for _ in range(100)])
    assert len(function.began) == 1


async def test_who_asks_during_a_call_is_answered_by_the_next_one() -> None:
    function = Function()
    call = SharedCall(function, 0.05)
    early = asyncio.create_task(call())
    while not function.began:
        await asyncio.sleep(0)
    late = [asyncio.create_task(call()) for _ in range(100)]
    await asyncio.sleep(0)
    function.may_end.set()
    await asyncio.gather(early, *late)
    first, second = function.began
    assert second - first >= 0.049


async def test_everybody_gets_what_the_call_raises_and_the_next_one_is_a_new_try() -> None:
    answers = [ValueError("away"), None]

    async def function() -> None:
        if answer := answers.pop(0):
            raise answer

    call = SharedCall(function, 0)
    outcomes = await asyncio.gather(*[call() for _ in range(3)], return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ValueError] * 3
    await call()
    assert answers == []


async def test_one_who_goes_away_takes_the_call_from_nobody() -> None:
    function = Function()
    call = SharedCall(function, 0)
    gone, waiting = asyncio.create_task(call()), asyncio.create_task(call())
    while not function.began:
        await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    function.may_end.set()
    await waiting
    assert len(function.began) == 1
