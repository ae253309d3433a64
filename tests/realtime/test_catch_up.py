"""Catching up when everybody does it at once: the database is asked a few times, not once per client."""

import asyncio
import itertools
from contextlib import AsyncExitStack
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db.backends.utils import CursorWrapper

from imgs import changes, notify
from imgs.models import Gallery, UploadedImage
from tests.factories import upload
from tests.imgs.test_changes import without_urls
from tests.realtime.sockets import connected

CLIENTS = 300


async def later(function: Any, *args: Any) -> Any:
    return await sync_to_async(function, thread_sensitive=False)(*args)


@pytest.fixture
def long_gallery(gallery: Gallery) -> Gallery:
    """A gallery with as many changes as there are clients."""
    values = {
        "gallery": gallery,
        "original_name": "x.jpg",
        "original_size": 1,
        "original": "x",
        "width": 1,
        "height": 1,
    }
    ready = {"status": "ready", "work": "none", "compressed": "x", "compressed_size": 1}
    UploadedImage.objects.bulk_create(
        UploadedImage(position=number, seq=number, owner="somebody", **values, **ready)
        for number in range(1, CLIENTS + 1)
    )
    Gallery.objects.update(head=CLIENTS)
    return gallery


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that this process sends to the database, in any thread, but for the clock's on connecting."""
    sent: list[str] = []
    execute = CursorWrapper.execute

    def noted(self: Any, sql: str, params: Any = None) -> Any:
        if "EPOCH" not in sql and "JULIANDAY" not in sql:
            sent.append(sql)
        return execute(self, sql, params)

    monkeypatch.setattr(CursorWrapper, "execute", noted)
    return sent


async def test_a_restart_costs_a_few_queries_however_many_clients_come_back(
    long_gallery: Gallery, queries: list[str]
) -> None:
    began = asyncio.get_running_loop().time()
    async with AsyncExitStack() as stack:

        async def come_back(after: int) -> tuple[int, Any]:
            address = f"/ws/gallery/main/?after={after}&epoch={long_gallery.epoch}"
            socket = await stack.enter_async_context(connected(address))
            assert (await socket.receive(20))["head"] == CLIENTS
            return after, await socket.receive(20)

        answers = await asyncio.gather(*[come_back(after) for after in range(CLIENTS)])
        seconds = asyncio.get_running_loop().time() - began
        asked = len(queries)
    for after, missed in answers:
        page = min(after + changes.PAGE_MAX, CLIENTS)
        assert (missed["from"], missed["to"], missed["more"]) == (after, page, page < CLIENTS)
        assert [card["seq"] for card in missed["cards"]] == list(range(after + 1, page + 1))
    expected = (await later(changes.since, long_gallery.pk, 0, CLIENTS))["cards"]
    assert [without_urls(card) for card in answers[0][1]["cards"]] == [without_urls(card) for card in expected]
    assert asked <= 8 + 4 * seconds  # starting, reading back, and a few looks a second
    assert len([sql for sql in queries[:asked] if "imgs_uploadedimage" in sql]) == 1


async def test_a_client_that_resumes_in_a_loop_costs_the_database_nothing(
    long_gallery: Gallery, queries: list[str]
) -> None:
    async with connected() as socket:
        await socket.receive()
        await socket.send({"type": "resume", "after": 0, "epoch": long_gallery.epoch})
        await socket.receive()
        queries.clear()
        began = asyncio.get_running_loop().time()
        for after in itertools.islice(itertools.cycle(range(CLIENTS)), 500):
            await socket.send({"type": "resume", "after": after, "epoch": long_gallery.epoch})
            assert (await socket.receive_type("changes"))["from"] == after
        assert len(queries) <= 2 * (asyncio.get_running_loop().time() - began + 1)


@pytest.fixture
def no_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify.outbox, "put", lambda _departure: None)


@pytest.mark.usefixtures("no_messages")
async def test_it_asks_the_database_before_it_sends_away_who_knows_more_than_this_process(
    gallery: Gallery, queries: list[str]
) -> None:
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(connected()) for _ in range(50)]
        for socket in sockets:
            await socket.receive()
        await later(upload, gallery)
        await later(upload, gallery)
        queries.clear()
        for socket in sockets:
            await socket.send({"type": "resume", "after": 1, "epoch": gallery.epoch})
        for socket in sockets:
            missed = await socket.receive_type("changes")
            if missed["from"] == 0:  # what the hub tells everybody now
                missed = await socket.receive_type("changes")
            assert (missed["from"], missed["to"]) == (1, 2)
        assert len(queries) <= 12


async def test_it_resets_many_clients_that_are_ahead_at_the_cost_of_a_few_looks(
    gallery: Gallery, queries: list[str]
) -> None:
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(connected()) for _ in range(50)]
        queries.clear()
        began = asyncio.get_running_loop().time()
        for socket in sockets:
            await socket.send({"type": "resume", "after": 7, "epoch": gallery.epoch})
        for socket in sockets:
            assert await socket.receive_type("reset") == {"type": "reset", "head": 0, "epoch": gallery.epoch}
        assert len(queries) <= 3 + 6 * (asyncio.get_running_loop().time() - began)


@pytest.mark.usefixtures("no_messages")
async def test_it_goes_on_live_after_it_read_back_what_nobody_had_told_it(gallery: Gallery) -> None:
    await later(upload, gallery)
    async with connected() as early:
        assert (await early.receive())["head"] == 1
        await later(upload, gallery)
        async with connected(f"/ws/gallery/main/?after=0&epoch={gallery.epoch}") as late:
            await late.receive()
            assert (await late.receive())["to"] == 2
            live = await early.receive()
            assert (live["from"], live["to"]) == (1, 2)
            await later(upload, gallery)
            for socket in (early, late):
                live = await socket.receive_type("changes")
                assert (live["from"], live["to"]) == (2, 3)
