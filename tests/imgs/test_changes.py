"""The change feed: gapless, in order, and a snapshot with the changes since it is a fresh snapshot."""

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgs import changes, jobs, notify, removal
from imgs.models import Gallery, UploadedImage
from realtime import protocol
from tests.factories import upload, work_off


class Screen:
    """What a client shows, kept by the rules of the protocol alone."""

    def __init__(self, snapshot: changes.Snapshot) -> None:
        self.cursor = snapshot["head"]
        self.cards = {card["id"]: card for card in snapshot["images"]}

    def apply(self, message: changes.Changes) -> None:
        if not message["from"] <= self.cursor < message["to"]:
            return
        self.cursor = message["to"]
        for card in message["cards"]:
            if card["id"] not in self.cards or self.cards[card["id"]]["seq"] < card["seq"]:
                self.cards[card["id"]] = card
        for tombstone in message["removed"]:
            self.cards.pop(tombstone["id"], None)

    def shown(self) -> list[dict[str, Any]]:
        return sorted((without_urls(card) for card in self.cards.values()), key=lambda card: -card["position"])


def without_urls(card: dict[str, Any]) -> dict[str, Any]:
    """URLs change with the clock, and only a live change carries the picture itself."""
    hidden = {"original_url", "compressed_url", "urls_expire_at", "compressed_data"}
    return {key: value for key, value in card.items() if key not in hidden}


def fresh(gallery: Gallery) -> changes.Snapshot:
    return changes.snapshot(gallery, None, 200)


def catch_up(gallery: Gallery, after: int, limit: int = changes.PAGE_MAX) -> changes.Changes:
    return changes.since(gallery.pk, after, changes.position_of(gallery.pk)["head"], limit)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[changes.Changes]:
    """Every message that leaves for viewers."""
    messages: list[changes.Changes] = []
    monkeypatch.setattr(notify, "viewers", lambda _gallery_id, _epoch, message: messages.append(message))
    return messages


def step(action: str, gallery: Gallery, dice: random.Random, folder: Path) -> None:
    """One thing that happens to a gallery."""
    images = list(gallery.images.exclude(status="removed"))
    if action == "upload":
        upload(gallery)
    elif action == "finish":
        work_off()
    elif action == "fail" and (job := jobs.claim()):
        jobs.fail(job, "damaged_image")
    elif action == "retry" and images:
        jobs.retry(dice.choice(images))
    elif action == "remove" and images:
        removal.remove(dice.choice(images))


ACTIONS = st.lists(st.sampled_from(["upload", "upload", "finish", "fail", "retry", "remove"]), min_size=1, max_size=20)


@given(before=ACTIONS, after=ACTIONS, seed=st.integers(0, 2**32))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_it_makes_a_fresh_snapshot_of_a_snapshot_and_the_changes_since(
    gallery: Gallery, sent: list[changes.Changes], tmp_path: Path, before: Any, after: Any, seed: int
) -> None:
    UploadedImage.objects.all().delete()
    dice = random.Random(seed)
    for action in before:
        step(action, gallery, dice, tmp_path)
    base = fresh(gallery)
    live, late, paged, merging = (Screen(base) for _ in range(4))
    sent.clear()
    for action in after:
        step(action, gallery, dice, tmp_path)

    expected = [without_urls(card) for card in fresh(gallery)["images"]]
    head = changes.position_of(gallery.pk)["head"]
    assert [(message["from"], message["to"]) for message in sent] == [
        (n - 1, n) for n in range(base["head"] + 1, head + 1)
    ]

    for message in sent:
        live.apply(message)
        if dice.random() < 0.3:
            live.apply(dice.choice(sent))  # doubled, or out of order
    while live.cursor < head:
        live.apply(catch_up(gallery, live.cursor))
    assert live.shown() == expected

    late.apply(catch_up(gallery, late.cursor))
    assert late.shown() == expected

    while paged.cursor < head:
        paged.apply(catch_up(gallery, paged.cursor, limit=2))
    assert paged.shown() == expected

    if sent:
        merged = sent[0]
        for message in sent[1:]:
            merged = protocol.merge(merged, message)
        merging.apply(merged)
    assert merging.shown() == expected


def test_it_carries_the_small_version_in_the_change_that_makes_an_image_ready(
    gallery: Gallery, sent: list[changes.Changes], tmp_path: Path
) -> None:
    upload(gallery)
    work_off()
    assert "compressed_data" not in sent[0]["cards"][0]
    assert sent[1]["cards"][0]["compressed_data"].startswith("data:image/jpeg;base64,")
    assert "compressed_data" not in fresh(gallery)["images"][0]


def test_it_tells_nobody_before_the_transaction_has_committed(
    gallery: Gallery, sent: list[changes.Changes], monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import transaction

    with pytest.raises(RuntimeError), transaction.atomic():
        upload(gallery)
        raise RuntimeError("rolled back")
    assert sent == []


def test_it_survives_a_channel_layer_that_refuses(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: Any) -> None:
        raise ConnectionError("Redis is away")

    monkeypatch.setattr(notify, "viewers", refuse)
    monkeypatch.setattr(notify, "workers", refuse)
    assert upload(gallery).status == "queued"


def test_it_pages_the_snapshot_by_position(gallery: Gallery) -> None:
    images = [upload(gallery) for _ in range(5)]
    first = changes.snapshot(gallery, None, 2)
    assert [card["id"] for card in first["images"]] == [str(images[4].pk), str(images[3].pk)]
    second = changes.snapshot(gallery, first["next"], 2)
    third = changes.snapshot(gallery, second["next"], 2)
    assert [card["id"] for card in third["images"]] == [str(images[0].pk)]
    assert third["next"] is None


@pytest.mark.parametrize(("after", "replayable"), [(-1, False), (0, False), (500, True), (1500, True), (1501, False)])
def test_it_replays_only_between_floor_and_head_and_at_most_1000_changes(
    gallery: Gallery, after: int, replayable: bool
) -> None:
    Gallery.objects.filter(pk=gallery.pk).update(head=1500, floor=400)
    _position, missed = changes.catch_up(gallery.pk, after, gallery.epoch)
    assert (missed is not None) is replayable


def test_it_replays_nothing_from_another_epoch(gallery: Gallery) -> None:
    assert changes.catch_up(gallery.pk, 0, "another")[1] is None


def test_it_takes_a_number_only_inside_a_transaction(gallery: Gallery) -> None:
    with pytest.raises(RuntimeError):
        changes.take_number(gallery.pk)


def test_it_replays_nothing_past_a_tombstone_that_was_dropped_while_it_read(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "REPLAY_MAX", 3)
    images = [upload(gallery) for _ in range(2)]
    removal.remove(images[0])
    since, after = changes.since, changes.position_of(gallery.pk)["head"] - 1

    def since_another_was_removed(*args: Any) -> changes.Changes:
        for _ in range(3):
            upload(gallery)
        removal.remove(images[1])
        return since(*args)

    monkeypatch.setattr(changes, "since", since_another_was_removed)
    _position, missed = changes.catch_up(gallery.pk, after, gallery.epoch)
    assert missed is None
