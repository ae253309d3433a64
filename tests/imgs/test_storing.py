"""A row never loses its file, also when the answer to its commit is lost."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import OperationalError, connection

from imgs import jobs
from imgs.models import Gallery, UploadedImage
from tests.factories import made, upload


@pytest.fixture
def lost_answer(gallery: Gallery) -> Iterator[Any]:
    """Commits that are done, and then the connection breaks."""
    commit = connection._commit  # type: ignore[attr-defined]

    def commit_and_break() -> None:
        commit()
        raise OperationalError("server closed the connection unexpectedly")

    with pytest.MonkeyPatch.context() as patch:  # over before the database is flushed
        yield lambda: patch.setattr(connection, "_commit", commit_and_break)


def test_it_keeps_the_original_of_a_row_that_was_committed_after_all(gallery: Gallery, lost_answer: Any) -> None:
    lost_answer()
    with pytest.raises(OperationalError):
        upload(gallery)
    image = UploadedImage.objects.get()
    assert Path(image.original.path).exists()


def test_it_keeps_the_small_version_of_a_row_that_was_committed_after_all(
    gallery: Gallery, lost_answer: Any, tmp_path: Path
) -> None:
    upload(gallery)
    job = jobs.claim()
    assert job is not None
    with made(job) as result:
        lost_answer()
        with pytest.raises(OperationalError):
            jobs.finish(job, result)
    image = UploadedImage.objects.get()
    assert image.status == "ready"
    assert Path(image.compressed.path).exists()


def test_it_keeps_a_file_when_the_database_can_not_be_asked(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from imgs import changes

    def away(*_args: Any, **_kwargs: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(changes, "take_number", away)
    monkeypatch.setattr("django.db.models.query.QuerySet.first", away)
    with pytest.raises(OperationalError):
        upload(gallery)
    left = [record.file for record in caplog.records if record.message == "a file may be left over"]  # type: ignore[attr-defined]
    assert len(left) == 1
    assert default_storage.exists(left[0])


def test_it_stores_the_whole_file_though_half_of_it_was_left_by_somebody_who_was_killed() -> None:
    half = Path(settings.MEDIA_ROOT) / "originals" / "again.jpg.part"
    half.parent.mkdir(parents=True, exist_ok=True)
    half.write_bytes(b"ha")
    assert default_storage.save("originals/again.jpg", ContentFile(b"whole")) == "originals/again.jpg"
    assert (half.with_suffix("").read_bytes(), half.exists()) == (b"whole", False)
    default_storage.delete("originals/again.jpg")


def test_it_gives_a_file_its_name_only_when_its_bytes_are_on_the_disk(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought: list[list[str]] = []  # what was in the folder each time that something was brought to the disk
    fsync, originals = os.fsync, Path(settings.MEDIA_ROOT) / "originals"
    before = set(originals.glob("*"))

    def watched(descriptor: int) -> None:
        brought.append([path.suffix for path in set(originals.glob("*")) - before])
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    upload(gallery)
    assert brought == [[".part"], [".jpg"]]


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_it_leaves_nothing_when_the_bytes_do_not_get_to_the_disk(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    before = set(Path(settings.MEDIA_ROOT).rglob("*"))
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=os.strerror(number)):
        upload(gallery)
    assert {path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()} <= before
    assert not UploadedImage.objects.exists()
