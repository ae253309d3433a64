"""A feed that has gone back gets a new epoch: once, whoever notices, and only then."""

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from imgs import epochs
from imgs.models import Gallery
from tests.factories import upload


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def restore(gallery: Gallery, head: int) -> None:
    """What bringing back an older database does to the feed."""
    Gallery.objects.filter(pk=gallery.pk).update(head=head)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "imgs.epochs"]


def test_it_gives_a_new_epoch_to_a_feed_behind_its_mark(gallery: Gallery, caplog: pytest.LogCaptureFixture) -> None:
    epochs.mark(gallery.pk, gallery.epoch, 9)
    restore(gallery, 7)
    position = epochs.position_at_start(gallery.pk)
    assert (position["head"], position["epoch"] != gallery.epoch) == (7, True)
    assert epochs.position_at_start(gallery.pk) == position
    assert len(warnings(caplog)) == 1


@pytest.mark.parametrize("head", [9, 10, 500])
def test_it_keeps_the_epoch_when_the_mark_is_merely_older(gallery: Gallery, head: int) -> None:
    epochs.mark(gallery.pk, gallery.epoch, 9)
    Gallery.objects.update(head=head)
    assert epochs.position_at_start(gallery.pk)["epoch"] == gallery.epoch


def test_it_keeps_the_epoch_when_nothing_was_marked(gallery: Gallery) -> None:
    assert epochs.position_at_start(gallery.pk)["epoch"] == gallery.epoch


def test_it_remembers_marks_of_earlier_epochs(gallery: Gallery) -> None:
    """A database may be brought back from before a restore that was noticed."""
    epochs.mark(gallery.pk, gallery.epoch, 9)
    epochs.mark(gallery.pk, "between", 4)
    restore(gallery, 8)
    assert epochs.position_at_start(gallery.pk)["epoch"] != gallery.epoch


def test_a_mark_never_goes_back_within_an_epoch(gallery: Gallery) -> None:
    for head in (5, 9, 7):
        epochs.mark(gallery.pk, "one", head)
    epochs.mark(gallery.pk, "two", 3)
    assert epochs.marks(gallery.pk) == {"one": 9, "two": 3}


def test_marks_made_at_once_are_all_kept(gallery: Gallery) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: epochs.mark(gallery.pk, f"epoch {number % 4}", number), range(80)))
    assert epochs.marks(gallery.pk) == {f"epoch {number % 4}": number for number in range(76, 80)}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"one": null}', "\x00"])
def test_it_lives_with_a_broken_mark(gallery: Gallery, media: Path, content: str) -> None:
    file = media / "feeds" / f"{gallery.pk}.json"
    file.parent.mkdir()
    file.write_text(content)
    assert epochs.position_at_start(gallery.pk)["epoch"] == gallery.epoch
    epochs.mark(gallery.pk, "one", 1)
    assert json.loads(file.read_text()) == {"one": 1}


def test_it_lives_with_a_folder_that_takes_no_mark(gallery: Gallery, media: Path) -> None:
    (media / "feeds").write_text("a file in the way")
    epochs.mark(gallery.pk, gallery.epoch, 1)
    assert epochs.position_at_start(gallery.pk)["epoch"] == gallery.epoch


def test_two_processes_that_notice_at_once_give_one_new_epoch(
    gallery: Gallery, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs.mark(gallery.pk, gallery.epoch, 9)
    together, position_of = threading.Barrier(4), epochs.changes.position_of
    have_met = threading.local()

    def position_of_together(gallery_id: int) -> Any:
        position = position_of(gallery_id)
        if not hasattr(have_met, "once"):  # the first look of each, before any of them has renewed the epoch
            have_met.once = True
            together.wait(10)
        return position

    def look(_number: int) -> str:
        try:
            return epochs.position_at_start(gallery.pk)["epoch"]
        finally:
            connections.close_all()

    monkeypatch.setattr(epochs.changes, "position_of", position_of_together)
    with ThreadPoolExecutor(4) as threads, caplog.at_level(logging.INFO):
        seen = set(threads.map(look, range(4)))
    assert len(seen) == 1
    assert seen != {gallery.epoch}
    assert len(warnings(caplog)) == 1


def test_every_gallery_is_checked_before_new_numbers_are_taken(gallery: Gallery) -> None:
    other = Gallery.objects.create(slug="pesta", title="Pesta")
    for number in range(3):
        upload(gallery)
        epochs.mark(gallery.pk, gallery.epoch, number + 1)
    epochs.mark(other.pk, other.epoch, 0)
    restore(gallery, 1)
    epochs.check()
    assert Gallery.objects.get(pk=gallery.pk).epoch != gallery.epoch
    assert Gallery.objects.get(pk=other.pk).epoch == other.epoch
