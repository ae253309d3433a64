"""The websocket of a gallery: greeting, live changes, catch-up, signing, and what garbage gets."""

import asyncio
import json
import logging
import threading
import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.db.models import F

from imgs import changes, epochs, notify, removal
from imgs.models import Gallery
from project.logs import LineFormatter
from realtime.hubs import hubs
from tests.factories import upload, work_off
from tests.realtime.sockets import Socket, connected
from tests.stack.fleet import until

pytestmark = pytest.mark.usefixtures("gallery")


async def later(function: Any, *args: Any) -> Any:
    return await sync_to_async(function, thread_sensitive=False)(*args)


def seconds_ago(timestamp: str) -> float:
    return time.time() - datetime.fromisoformat(timestamp).timestamp()


@pytest.fixture(autouse=True)
async def no_hub_stays() -> AsyncIterator[None]:
    yield
    await asyncio.sleep(0.05)
    assert hubs._hubs == {}


async def test_it_says_hello_with_gallery_epoch_head_and_heartbeat(gallery: Gallery) -> None:
    await later(upload, gallery)
    async with connected() as socket:
        hello = await socket.receive()
        assert seconds_ago(hello.pop("now")) < 5
        assert hello == {
            "type": "hello",
            "gallery": "main",
            "epoch": gallery.epoch,
            "head": 1,
            "heartbeat_seconds": 15,
        }
        assert await socket.is_silent()


async def test_it_sends_every_change_to_every_viewer(gallery: Gallery, tmp_path: Path) -> None:
    async with connected() as one, connected() as two:
        image = await later(upload, gallery)
        await later(work_off)
        await later(removal.remove, image)
        for viewer in (one, two):
            assert (await viewer.receive())["type"] == "hello"
            queued, ready = await viewer.receive(), await viewer.receive()
            assert (queued["from"], queued["to"], queued["cards"][0]["status"]) == (0, 1, "queued")
            assert (ready["from"], ready["to"], ready["cards"][0]["status"]) == (1, 2, "ready")
            assert ready["cards"][0]["compressed_data"].startswith("data:image/jpeg;base64,")
            removed = await viewer.receive()
            assert (removed["to"], removed["cards"], removed["removed"]) == (3, [], [{"id": str(image.pk), "seq": 3}])


async def test_it_keeps_galleries_apart(gallery: Gallery) -> None:
    other = await later(lambda: Gallery.objects.create(slug="pesta", title="Pesta"))
    async with connected("/ws/gallery/pesta/") as socket:
        await socket.receive()
        await later(upload, gallery)
        assert await socket.is_silent()
        await later(upload, other)
        assert (await socket.receive())["to"] == 1


async def test_it_catches_up_from_the_number_in_the_address(gallery: Gallery) -> None:
    for _ in range(3):
        await later(upload, gallery)
    async with connected(f"/ws/gallery/main/?after=1&epoch={gallery.epoch}") as socket:
        assert (await socket.receive())["head"] == 3
        missed = await socket.receive()
        assert (missed["from"], missed["to"], missed["more"]) == (1, 3, False)
        assert [card["seq"] for card in missed["cards"]] == [2, 3]


@pytest.mark.parametrize(
    "query",
    [
        "after=5&epoch={epoch}",
        "after=1&epoch=another",
        "after=1000000000000000000&epoch={epoch}",
        f"after={2**63}&epoch={{epoch}}",
        pytest.param(f"after={'9' * 5000}&epoch={{epoch}}", id="endless"),
        "after=-1&epoch={epoch}",
        pytest.param(f"after=-{'9' * 5000}&epoch={{epoch}}", id="endless below zero"),
    ],
)
async def test_it_resets_a_client_that_is_ahead_or_behind_or_from_another_epoch(gallery: Gallery, query: str) -> None:
    await later(upload, gallery)
    async with connected(f"/ws/gallery/main/?{query.format(epoch=gallery.epoch)}") as socket:
        await socket.receive()
        assert await socket.receive() == {"type": "reset", "head": 1, "epoch": gallery.epoch}


@pytest.mark.parametrize("after", ["1", "01", "0" * 5000 + "1"], ids=["plain", "padded", "padded without end"])
async def test_it_reads_a_cursor_with_zeros_before_it(gallery: Gallery, after: str) -> None:
    await later(upload, gallery)
    async with connected(f"/ws/gallery/main/?after={after}&epoch={gallery.epoch}") as socket:
        await socket.receive()
        answer = await socket.receive()
        assert (answer["type"], answer["from"], answer["to"]) == ("changes", 1, 1)


@pytest.mark.parametrize("after", ["", "-", "--1", "1.5", "x", "1_0", "\u0661", "%C2%B2"])
async def test_it_greets_alone_whoever_names_no_cursor(gallery: Gallery, after: str) -> None:
    async with connected(f"/ws/gallery/main/?after={after}&epoch={gallery.epoch}") as socket:
        assert (await socket.receive())["type"] == "hello"
        assert await socket.is_silent()


async def test_it_resets_a_client_more_than_1000_changes_behind(gallery: Gallery) -> None:
    await later(lambda: Gallery.objects.update(head=1001))
    async with connected(f"/ws/gallery/main/?after=0&epoch={gallery.epoch}") as socket:
        assert (await socket.receive())["head"] == 1001
        assert (await socket.receive())["type"] == "reset"


async def test_it_pages_a_long_catch_up_with_more(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "PAGE_MAX", 2)
    for _ in range(3):
        await later(upload, gallery)
    async with connected(f"/ws/gallery/main/?after=0&epoch={gallery.epoch}") as socket:
        await socket.receive()
        first = await socket.receive()
        assert (first["from"], first["to"], first["more"]) == (0, 2, True)
        await socket.send({"type": "resume", "after": 2, "epoch": gallery.epoch})
        second = await socket.receive()
        assert (second["from"], second["to"], second["more"]) == (2, 3, False)


async def test_it_answers_resume_with_nothing_new_by_an_empty_change(gallery: Gallery) -> None:
    await later(upload, gallery)
    async with connected() as socket:
        await socket.receive()
        await socket.send({"type": "resume", "after": 1, "epoch": gallery.epoch})
        answer = await socket.receive()
        assert (answer["from"], answer["to"], answer["cards"], answer["more"]) == (1, 1, [], False)


async def test_it_delivers_within_two_seconds_when_every_message_is_lost(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify.outbox, "put", lambda _departure: None)
    async with connected() as socket:
        await socket.receive()
        await later(upload, gallery)
        assert (await socket.receive(2))["to"] == 1


async def test_it_sends_changes_in_order_and_once_when_messages_are_doubled_and_reordered(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.hub.LOOK_SECONDS", 60)  # only messages bring what is new
    async with connected() as socket:
        await socket.receive()
        hub = hubs._hubs["main"]
        held: list[Any] = []
        original = hub.offer
        hub.offer = lambda *offered: held.append(offered)  # type: ignore[method-assign]
        for _ in range(4):
            await later(upload, gallery)
        while len(held) < 4:
            await asyncio.sleep(0.01)
        for index in (2, 1, 1, 0, 3, 0):
            original(*held[index])
        reached = 0
        while reached < 4:
            message = await socket.receive()
            assert message["from"] == reached
            reached = message["to"]
        assert await socket.is_silent()


async def test_it_merges_a_burst_into_few_frames(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.outgoing.WINDOW_SECONDS", 1)
    async with connected() as socket:
        await socket.receive()
        for _ in range(30):
            await later(upload, gallery)
        frames, reached = 0, 0
        while reached < 30:
            message = await socket.receive()
            assert message["from"] == reached
            frames, reached = frames + 1, message["to"]
        assert frames < 30


async def test_it_tells_everybody_to_reset_when_the_feed_has_gone_back(gallery: Gallery) -> None:
    await later(upload, gallery)
    async with connected() as socket:
        await socket.receive()
        await later(lambda: Gallery.objects.update(head=0, epoch="restored"))
        assert await socket.receive(3) == {"type": "reset", "head": 0, "epoch": "restored"}


async def test_it_shows_nothing_of_a_message_of_before_a_restore_that_comes_after_it(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    late: list[notify.Departure] = []
    await later(upload, gallery)
    async with connected() as socket:
        assert (await socket.receive())["head"] == 1
        with monkeypatch.context() as slow:
            slow.setattr(notify.outbox, "put", late.append)
            lost = await later(upload, gallery)
        assert (await socket.receive(3))["to"] == 2

        def restore() -> None:
            lost.delete()
            Gallery.objects.update(head=1, epoch="restored")

        await later(restore)
        assert (await socket.receive(3))["type"] == "reset"
        for departure in late:
            notify.outbox.put(departure)
        kept = [await later(upload, gallery) for _ in range(2)]
        seen: list[str] = []
        while len(seen) < 2:
            seen += [card["id"] for card in (await socket.receive(3))["cards"]]
        assert seen == [str(image.pk) for image in kept]


async def test_it_gives_the_feed_a_new_epoch_when_it_has_gone_back_while_running(gallery: Gallery) -> None:
    await later(upload, gallery)
    await later(upload, gallery)
    async with connected() as one, connected() as two:
        for socket in (one, two):
            assert (await socket.receive())["head"] == 2
        await later(lambda: Gallery.objects.update(head=1))
        epochs_seen = set()
        for socket in (one, two):
            reset = await socket.receive(3)
            assert (reset["type"], reset["head"]) == ("reset", 1)
            epochs_seen.add(reset["epoch"])
        await later(gallery.refresh_from_db)
        assert epochs_seen == {gallery.epoch}
    async with connected(f"/ws/gallery/main/?after=1&epoch={gallery.epoch}") as socket:
        assert (await socket.receive())["epoch"] == gallery.epoch
        assert (await socket.receive())["type"] == "changes"


async def test_it_resets_who_was_away_while_the_feed_went_back_and_on_past_it(gallery: Gallery) -> None:
    async with connected() as socket:
        await socket.receive()
        await later(upload, gallery)
        await later(upload, gallery)
        while (await socket.receive_type("changes"))["to"] < 2:
            pass
    await asyncio.wait_for(later(marked, gallery, 2), 15)
    await later(lambda: Gallery.objects.update(head=1))  # nothing runs now
    async with connected() as socket:
        assert (await socket.receive())["epoch"] != gallery.epoch
        for _ in range(3):
            await later(lambda: Gallery.objects.update(head=F("head") + 1))
    async with connected(f"/ws/gallery/main/?after=2&epoch={gallery.epoch}") as socket:
        assert (await socket.receive())["head"] == 4
        assert (await socket.receive())["type"] == "reset"


async def test_what_is_shown_while_a_mark_is_kept_is_marked_too(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark, began, go_on = epochs.mark, threading.Event(), threading.Event()

    def slow_mark(*shown: Any) -> None:
        began.set()
        go_on.wait(10)
        mark(*shown)

    monkeypatch.setattr(epochs, "mark", slow_mark)
    async with connected() as socket:
        await socket.receive()
        await later(upload, gallery)
        assert await later(began.wait, 10)
        await later(upload, gallery)
        while (await socket.receive_type("changes"))["to"] < 2:
            pass
    go_on.set()
    await later(marked, gallery, 2)


def marked(gallery: Gallery, head: int) -> None:
    until(lambda: epochs.marks(gallery.pk).get(gallery.epoch) == head, 10)


async def test_it_does_not_reset_when_a_change_comes_while_it_looks_at_the_head(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, go_on, position_of = threading.Event(), threading.Event(), changes.position_of

    def slow_position_of(gallery_id: int) -> changes.Position:
        position = position_of(gallery_id)
        read.set()
        go_on.wait(10)
        return position

    async with connected() as socket:
        await socket.receive()
        monkeypatch.setattr(changes, "position_of", slow_position_of)
        assert await later(read.wait, 10)
        monkeypatch.undo()
        await later(upload, gallery)
        assert (await socket.receive_type("changes"))["to"] == 1
        go_on.set()
        await later(upload, gallery)
        message = await socket.receive()
        assert (message["type"], message["from"]) == ("changes", 1)


async def test_it_beats_with_head_epoch_and_viewers(gallery: Gallery, settings: Any) -> None:
    settings.HEARTBEAT_SECONDS = 1
    async with connected() as one, connected():
        await later(upload, gallery)
        async with asyncio.timeout(10):
            while (beat := await one.receive_type("heartbeat"))["viewers"] < 2 or beat["head"] < 1:
                pass
        assert seconds_ago(beat.pop("now")) < 5
        assert beat == {"type": "heartbeat", "head": 1, "epoch": gallery.epoch, "viewers": 2}


async def test_no_beat_is_behind_what_a_viewer_has_caught_up_to(
    gallery: Gallery, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.HEARTBEAT_SECONDS = 1
    monkeypatch.setattr("realtime.outgoing.FRAMES_PER_WINDOW", 0)
    monkeypatch.setattr("realtime.outgoing.WINDOW_SECONDS", 0.9)
    async with connected():
        await asyncio.sleep(0.5)
        await later(upload, gallery)  # waits until after the first beat
        async with connected("/ws/gallery/main/?after=0") as socket:
            assert (await socket.receive_type("changes"))["to"] == 1
            assert (await socket.receive_type("heartbeat"))["head"] == 1


async def test_it_signs_urls_of_ready_images_of_its_gallery_alone(gallery: Gallery, tmp_path: Path) -> None:
    await later(upload, gallery)
    ready = await later(work_off)
    other = await later(lambda: Gallery.objects.create(slug="pesta", title="Pesta"))
    await later(upload, other)
    foreign = await later(work_off)
    queued = await later(upload, gallery)
    async with connected() as socket:
        await socket.receive()
        await socket.send(
            {"type": "sign", "ids": [str(image.pk) for image in (ready, queued, foreign)] + [str(uuid4())]}
        )
        signed = await socket.receive()
        assert signed["type"] == "signed"
        assert list(signed["images"]) == [str(ready.pk)]
        assert signed["images"][str(ready.pk)]["original_url"].startswith("/image/")
        assert signed["urls_expire_at"].endswith("Z")


async def test_it_limits_signing_to_five_requests_a_second() -> None:
    async with connected() as socket:
        await socket.receive()
        for _ in range(6):
            await socket.send({"type": "sign", "ids": []})
        answers = [await socket.receive() for _ in range(6)]
        assert [answer["type"] for answer in answers] == ["signed"] * 5 + ["error"]
        assert answers[5]["code"] == "rate_limited"


GARBAGE = [
    "",
    "x",
    "[]",
    "null",
    '{"type": "unknown"}',
    '{"type": "resume"}',
    '{"type": "resume", "after": -1, "epoch": ""}',
    '{"type": "resume", "after": 99999999999999999999, "epoch": ""}',
    '{"type": "resume", "after": true, "epoch": ""}',
    '{"type": "resume", "after": "3", "epoch": ""}',
    '{"type": "resume", "after": 3, "epoch": 3}',
    '{"type": "sign", "ids": ["no uuid"]}',
    json.dumps({"type": "sign", "ids": [str(uuid4())] * 201}),
    "[" * 50_000,
    '{"type": "resume", "after": 1e400, "epoch": "a"}',
]


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_it_answers_garbage_with_an_error_and_stays_open(gallery: Gallery, garbage: str) -> None:
    async with connected() as socket:
        await socket.receive()
        await socket.send(garbage)
        error = await socket.receive()
        assert (error["type"], error["code"]) == ("error", "bad_message")
        await socket.send({"type": "resume", "after": 0, "epoch": gallery.epoch})
        assert (await socket.receive())["type"] == "changes"


async def test_it_answers_bytes_with_an_error() -> None:
    async with connected() as socket:
        await socket.receive()
        await socket.communicator.send_input({"type": "websocket.receive", "bytes": b"\x00"})
        assert (await socket.receive())["code"] == "bad_message"


async def test_it_closes_with_1008_after_ten_bad_messages_in_a_row() -> None:
    async with connected() as socket:
        await socket.receive()
        for _ in range(10):
            await socket.send("?")
        answers = [await socket.receive() for _ in range(11)]
        assert [answer.get("code") for answer in answers[:10]] == ["bad_message"] * 10
        assert answers[10] == {"closed": 1008}


async def test_it_forgives_bad_messages_when_a_good_one_comes_between(gallery: Gallery) -> None:
    async with connected() as socket:
        await socket.receive()
        for _ in range(2):
            for _ in range(9):
                await socket.send("?")
                assert (await socket.receive())["type"] == "error"
            await socket.send({"type": "resume", "after": 0, "epoch": gallery.epoch})
            assert (await socket.receive())["type"] == "changes"


async def test_it_notes_the_first_bad_message_of_a_socket_and_no_more(
    gallery: Gallery, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected() as socket:
        await socket.receive()
        for _ in range(3):
            await socket.send("?")
            assert (await socket.receive())["type"] == "error"
            await socket.send({"type": "resume", "after": 0, "epoch": gallery.epoch})
            assert (await socket.receive())["type"] == "changes"
    (line,) = [LineFormatter().format(record) for record in caplog.records]
    assert "WARNING realtime.consumers: refused code='bad_message' path='/ws/gallery/main/' address=" in line


async def test_it_closes_with_1009_after_a_frame_over_64_kb_and_notes_it(caplog: pytest.LogCaptureFixture) -> None:
    async with connected() as socket:
        await socket.receive()
        await socket.send("x" * (64 * 1024 + 1))
        assert await socket.receive() == {"closed": 1009}
    (record,) = caplog.records
    assert record.getMessage() == "closed a socket that sent a frame too large"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", None, "http://[", "http://a\n" + "b" * 5000])
async def test_it_turns_away_a_foreign_origin_and_notes_it_in_one_line(
    origin: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        accepted, _code = await Socket("/ws/gallery/main/", origin).communicator.connect(5)
    assert accepted is False
    (record,) = caplog.records
    line = LineFormatter().format(record)
    assert (record.levelname, len(line.splitlines())) == ("WARNING", 1)
    assert "refused code='foreign_origin' path='/ws/gallery/main/' address=" in line
    assert f" origin={(origin or '')[:20]!r}"[:-1] in line
    assert len(line) < 300


@pytest.mark.parametrize("address", ["/ws/gallery/nowhere/", "/ws/", "/ws/gallery/%00/", "/elsewhere"])
async def test_it_turns_away_viewers_of_what_does_not_exist(address: str) -> None:
    socket = Socket(address)
    accepted, _code = await socket.communicator.connect(5)
    assert accepted is False
    await socket.communicator.disconnect()


async def test_it_fills_a_long_gap_for_all_without_telling_them_to_ask(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify.outbox, "put", lambda _departure: None)
    since = changes.since
    monkeypatch.setattr(changes, "since", lambda *args: since(*args, 2))
    async with connected() as socket:
        await socket.receive()
        for _ in range(5):
            await later(upload, gallery)
        reached = 0
        while reached < 5:
            message = await socket.receive(3)
            assert (message["from"], message["more"]) == (reached, False)
            reached = message["to"]


async def test_it_forgets_a_viewer_whose_task_was_cancelled(gallery: Gallery) -> None:
    socket = Socket("/ws/gallery/main/")
    await socket.communicator.connect(5)
    assert len(hubs._hubs["main"].occupants) == 1
    socket.communicator.future.cancel()
    await asyncio.wait([socket.communicator.future], timeout=5)
    assert hubs._hubs == {}


async def test_it_closes_when_its_gallery_is_deleted(gallery: Gallery) -> None:
    async with connected() as one, connected() as two:
        for socket in (one, two):
            await socket.receive()
        await later(gallery.delete)
        for socket in (one, two):
            assert await socket.receive() == {"closed": 4404}


async def test_it_closes_when_a_restore_gave_the_number_of_its_gallery_to_another_one(gallery: Gallery) -> None:
    async with connected() as socket:
        await socket.receive()
        gallery.slug, gallery.epoch = "office", "restored"
        await later(gallery.save)
        assert await socket.receive() == {"closed": 4404}
