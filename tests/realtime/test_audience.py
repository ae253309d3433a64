"""Writing to many sockets: in order, and nobody waits for a slow reader."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from realtime import audience
from realtime.audience import Audience


class Reader:
    """A socket that takes what it is sent at once, or when `gate` opens."""

    def __init__(self, gate: asyncio.Event | None = None) -> None:
        self.got: list[Any] = []
        self.gate = gate

    async def base_send(self, message: Any) -> None:
        if self.gate:
            await self.gate.wait()
        self.got.append(message.get("text") or message["code"])


class Gone:
    """A socket whose server raises."""

    async def base_send(self, _message: Any) -> None:
        raise ConnectionError("gone")


@pytest.fixture
async def room() -> AsyncIterator[Audience]:
    room = Audience(lambda: "where we are")
    writing = asyncio.create_task(room.run())
    yield room
    writing.cancel()


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def test_it_writes_every_text_to_everybody_in_order(room: Audience) -> None:
    readers = [Reader() for _ in range(120)]
    for reader in readers:
        room.add(reader)
    for text in "abc":
        room.post(text)
    await until(lambda: all(reader.got == ["a", "b", "c"] for reader in readers))


async def test_it_does_not_wait_for_a_slow_reader_and_tells_it_where_we_are_when_it_has_read(room: Audience) -> None:
    gate = asyncio.Event()
    slow, quick = Reader(gate), Reader()
    room.add(slow)
    room.add(quick)
    for text in "abc":
        room.post(text)
    await until(lambda: quick.got == ["a", "b", "c"])
    assert slow.got == []
    gate.set()
    await until(lambda: slow.got == ["a", "where we are"])
    room.post("d")
    await until(lambda: slow.got == ["a", "where we are", "d"])


async def test_it_cuts_a_reader_that_stays_slow(room: Audience, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audience, "SLOW_READER_SECONDS", 0.05)

    class Stuck(Reader):
        async def base_send(self, message: Any) -> None:
            if message["type"] == "websocket.close":
                self.got.append(message["code"])
            else:
                await asyncio.Event().wait()

    stuck, quick = Stuck(), Reader()
    room.add(stuck)
    room.add(quick)
    room.post("a")
    await until(lambda: stuck.got == [1013])
    room.post("b")
    await until(lambda: quick.got == ["a", "b"])
    assert stuck.got == [1013]


async def test_it_forgets_a_socket_that_is_gone(room: Audience) -> None:
    reader = Reader()
    room.add(Gone())
    room.add(reader)
    for text in "ab":
        room.post(text)
    await until(lambda: reader.got == ["a", "b"])
    assert len(room._viewers) == 1


async def test_it_cancels_what_it_still_owes_to_a_socket_that_leaves(room: Audience) -> None:
    slow = Reader(asyncio.Event())
    room.add(slow)
    room.post("a")
    await until(lambda: slow in room._slow)
    waiting = room._slow[slow]
    room.discard(slow)
    await until(waiting.done)
    assert waiting.cancelled()
