"""Catch-up out of memory says what the database would say, whatever happened in which order."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgs import cards, changes, notify, removal, signing
from imgs.clock import clock
from imgs.models import Gallery, UploadedImage
from realtime import protocol
from realtime.replay import Replay
from realtime.tail import Tail
from tests.factories import upload
from tests.imgs.test_changes import ACTIONS, step

REPLAY_MAX = 8
PAGE_MAX = 3


@pytest.fixture
def small_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few numbers are replayed, so that the floor and the start of the tail move; time stands, so that URLs do not."""
    monkeypatch.setattr(changes, "REPLAY_MAX", REPLAY_MAX)
    monkeypatch.setattr(changes, "PAGE_MAX", PAGE_MAX)
    monkeypatch.setattr(clock, "now", lambda: 1_800_000_000.0)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[changes.Changes]:
    messages: list[changes.Changes] = []
    monkeypatch.setattr(notify, "viewers", lambda _gallery_id, _epoch, message: messages.append(message))
    return messages


def from_database(gallery: Gallery, after: int) -> changes.Changes | None:
    """What the database replays, None when the snapshot must be loaded."""
    position, missed = changes.catch_up(gallery.pk, after, gallery.epoch)
    return changes.since(gallery.pk, after, position["head"], PAGE_MAX) if missed else None


def merged(messages: list[changes.Changes]) -> changes.Changes:
    together = messages[0]
    for message in messages[1:]:
        together = protocol.merge(together, message)
    return together


class Relayed:
    """A replay that is fed what was announced, as a hub feeds its own."""

    def __init__(self, gallery: Gallery, sent: list[changes.Changes], dice: random.Random) -> None:
        self.gallery, self.sent, self.dice = gallery, sent, dice
        self.replay = Replay(changes.position_of(gallery.pk)["head"])
        self.relayed = len(sent)

    def relay(self, everything: bool = False) -> None:
        """Some of what was announced, singly or merged; what is merged may begin with what is known already."""
        ready = len(self.sent) if everything else self.dice.randint(self.relayed, len(self.sent))
        if ready > self.relayed and self.dice.random() < 0.5:
            self.replay.extend(merged(self.sent[max(0, self.relayed - self.dice.randint(0, 3)) : ready]))
        else:
            for message in self.sent[self.relayed : ready]:
                self.replay.extend(message)
        self.relayed = ready

    def read_back(self) -> None:
        _position, known = changes.replayable(self.gallery.pk)
        self.relay()  # what came while the database was asked
        self.replay.complete(known)
        self.relay()  # late: it is known already

    def check(self) -> None:
        head = changes.position_of(self.gallery.pk)["head"]
        for cursor in range(max(0, head - REPLAY_MAX - 3), head + 2):
            found, expected = self.replay.text(cursor), from_database(self.gallery, cursor)
            if found is None:
                assert expected is None or self.replay.lacks(cursor)
            else:
                assert json.loads(found[0]) == expected
                assert found[1] == (None if expected["more"] else expected["to"])


@given(before=ACTIONS, during=ACTIONS, after=ACTIONS, seed=st.integers(0, 2**32), reads_back=st.booleans())
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@pytest.mark.usefixtures("small_window")
def test_it_replays_what_the_database_would(
    gallery: Gallery,
    sent: list[changes.Changes],
    tmp_path: Path,
    before: Any,
    during: Any,
    after: Any,
    seed: int,
    reads_back: bool,
) -> None:
    UploadedImage.objects.all().delete()
    dice = random.Random(seed)
    for action in before:
        step(action, gallery, dice, tmp_path)
    relayed = Relayed(gallery, sent, dice)
    for action in during:
        step(action, gallery, dice, tmp_path)
        relayed.relay()
    if reads_back:
        relayed.read_back()
        relayed.check()
    for action in after:
        step(action, gallery, dice, tmp_path)
        relayed.relay()
    relayed.relay(everything=True)
    relayed.check()
    if reads_back:
        assert not any(relayed.replay.lacks(cursor) for cursor in range(1000))


@pytest.mark.usefixtures("small_window")
def test_it_replays_nothing_from_before_tombstones_that_were_dropped_while_it_read(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [upload(gallery) for _ in range(REPLAY_MAX)]
    removal.remove(images[0])
    since = changes.since

    def since_others_removed(*args: Any) -> changes.Changes:
        for image in images[1:]:
            removal.remove(image)
            removal.remove(upload(gallery))
        return since(*args)

    monkeypatch.setattr(changes, "since", since_others_removed)
    _position, known = changes.replayable(gallery.pk)
    assert known["from"] == changes.position_of(gallery.pk)["floor"] > REPLAY_MAX


def change(number: int, **card: Any) -> changes.Changes:
    content = {"id": str(number), "seq": number, "urls_expire_at": None, **card}
    between = {"from": number - 1, "to": number}
    return {"type": "changes", **between, "cards": [content], "removed": [], "more": False}  # type: ignore[typeddict-item]


def test_a_tail_holds_no_more_numbers_than_it_may() -> None:
    tail = Tail(0, 1000)
    for number in range(1, 3001):
        tail.extend(change(number))
    assert (tail.start, tail.cursor) == (2000, 3000)
    assert [card["seq"] for card in tail.since(2000)["cards"]] == list(range(2001, 3001))
    assert (tail.covers(1999), tail.covers(2000), tail.covers(3000), tail.covers(3001)) == (False, True, True, False)


def test_it_leaves_no_hole_when_more_came_than_it_holds_while_the_database_was_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(changes, "REPLAY_MAX", REPLAY_MAX)
    replay, known = Replay(1), change(1)
    for number in range(2, 30):
        replay.extend(change(number))
    replay.complete(known)
    assert [replay.text(after) is None for after in (0, 1, 20, 21, 29)] == [True, True, True, False, False]
    assert not any(replay.lacks(after) for after in range(30))


def test_a_tail_passes_over_what_it_knows_already() -> None:
    tail = Tail(0, 1000)
    for number in range(1, 4):
        tail.extend(change(number))
    overlapping = {**change(4), "from": 1, "cards": [{"id": str(n), "seq": n, "urls_expire_at": None} for n in (2, 4)]}
    tail.extend(overlapping)  # type: ignore[arg-type]
    assert [card["seq"] for card in tail.since(0)["cards"]] == [1, 2, 3, 4]


def test_a_tail_keeps_no_picture() -> None:
    tail = Tail(0, 1000)
    live = change(1, compressed_data="data:image/jpeg;base64,eA==")
    tail.extend(live)
    assert "compressed_data" not in tail.since(0)["cards"][0]
    assert "compressed_data" in live["cards"][0]


def test_a_tail_needs_no_models() -> None:
    program = "import sys, realtime.tail; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_it_encodes_the_same_catch_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    replay = Replay(0)
    for number in range(1, 4):
        replay.extend(change(number))
    first = replay.text(1)
    assert first is not None
    assert replay.text(1) is first
    replay.extend(change(4))
    later = replay.text(1)
    assert later is not None
    assert json.loads(later[0])["to"] == 4


def test_it_hands_out_urls_that_live_as_long_as_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: 1_800_000_000.0)
    image = "3f0f3a52-7f49-4d2e-9c0e-2f6a1f0c5b11"
    card = {
        "revision": 1,
        "urls_expire_at": cards.urls_expire_at(),
        "original_url": "old",
        "compressed_url": "old",
        "srcset": None,
    }
    replay = Replay(0)
    replay.extend(change(1, **{**card, "id": image}))

    def url() -> str:
        found = replay.text(0)
        assert found is not None
        shown = json.loads(found[0])["cards"][0]
        assert shown["urls_expire_at"] == cards.urls_expire_at()
        return str(shown["original_url"])

    assert url() == "old"
    monkeypatch.setattr(clock, "now", lambda: 1_800_003_000.0)
    renewed = url()
    assert signing.read(renewed.removeprefix("/image/").removesuffix("/")).expires_at == 1_800_006_600
    assert url() == renewed
