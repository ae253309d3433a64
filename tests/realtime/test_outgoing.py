"""Changes leave at once while little happens, and in ever larger pieces while the sockets can't keep up."""

import asyncio
import json
from typing import Any

from imgs.changes import Changes
from realtime import protocol
from realtime.outgoing import Outgoing


def change(number: int) -> Changes:
    card = {"id": str(number), "seq": number}
    between: dict[str, Any] = {"from": number - 1, "to": number}
    return {"type": "changes", **between, "cards": [card], "removed": [], "more": False}  # type: ignore[typeddict-item]


async def test_it_sends_three_at_once_and_merges_what_follows() -> None:
    sent: list[str] = []
    outgoing = Outgoing(sent.append, lambda: False)
    for number in range(1, 8):
        outgoing.put(change(number))
    assert [json.loads(text)["to"] for text in sent] == [1, 2, 3]
    await until(lambda: len(sent) == 4)
    assert (json.loads(sent[3])["from"], json.loads(sent[3])["to"]) == (3, 7)
    outgoing.stop()


async def test_it_merges_the_renditions_of_a_picture_into_the_change_that_carries_its_small_version() -> None:
    facts = {"id": "a", "status": "ready", "revision": 1}
    ready = {**change(1), "cards": [{**facts, "seq": 1, "srcset": None, "compressed_data": "data:,small"}]}
    rendered = {**change(2), "cards": [{**facts, "seq": 2, "srcset": "/image/x/ 320w"}]}
    edited = {**change(3), "cards": [{**facts, "seq": 3, "srcset": "/image/y/ 320w", "revision": 2}]}
    once = protocol.merge(ready, rendered)  # type: ignore[arg-type]
    assert once["cards"] == [{**facts, "seq": 2, "srcset": "/image/x/ 320w", "compressed_data": "data:,small"}]
    assert protocol.merge(once, edited)["cards"] == edited["cards"]  # type: ignore[arg-type]


async def test_it_adds_nothing_to_a_line_that_is_not_served() -> None:
    sent: list[str] = []
    behind = True
    outgoing = Outgoing(sent.append, lambda: behind)
    for number in range(1, 101):
        outgoing.put(change(number))
        await asyncio.sleep(0.005)
    assert sent == []
    behind = False
    await until(lambda: len(sent) == 1)
    assert (json.loads(sent[0])["from"], json.loads(sent[0])["to"]) == (0, 100)
    outgoing.stop()


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)
