"""An audit finds what a crash left behind, repairs it once, and takes nothing alive for damage."""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from imgs import audit, changes, jobs, notify, removal
from imgs.models import Gallery, UploadedImage
from tests.factories import picture, upload, work_off

Status = UploadedImage.Status
MEDIA = Path(settings.MEDIA_ROOT)
TEMPORARY = Path(settings.FILE_UPLOAD_TEMP_DIR)
TWO_HOURS = 2 * 3600

pytestmark = pytest.mark.usefixtures("gallery")


@pytest.fixture(autouse=True)
def empty_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "SETTLE_SECONDS", 0)
    for path in MEDIA.rglob("*"):
        if path.is_file():
            path.unlink()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[changes.Changes]:
    messages: list[changes.Changes] = []
    monkeypatch.setattr(notify, "viewers", lambda _gallery_id, _epoch, message: messages.append(message))
    return messages


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    """The exit code of the command, and its lines."""
    code = 0
    try:
        call_command("audit", *arguments)
    except SystemExit as end:
        code = int(str(end.code))
    return code, capsys.readouterr().out.splitlines()


def ready(gallery: Gallery, tmp_path: Path) -> UploadedImage:
    upload(gallery)
    image = work_off()
    assert image is not None
    return image


def state(image: UploadedImage) -> UploadedImage:
    return UploadedImage.objects.get(pk=image.pk)


def aged(path: Path, seconds: int = TWO_HOURS) -> Path:
    os.utime(path, (time.time() - seconds,) * 2)
    return path


def left_over(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"half a picture")
    return aged(path)


def crash_before_deleting(image: UploadedImage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove an image; the process is killed between its commit and its files."""
    with monkeypatch.context() as patch:
        patch.setattr(removal, "delete_files", lambda _names: None)
        removal.remove(image)


def test_it_finds_nothing_in_a_gallery_that_is_whole(
    gallery: Gallery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ready(gallery, tmp_path)
    removal.remove(ready(gallery, tmp_path))
    upload(gallery)
    total = "2 images and 3 files: 0 problems, 0 repaired; 0 young files without an image left alone"
    assert run(capsys) == (0, [total])
    assert run(capsys, "--fix") == (0, [total])


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:10])


@pytest.mark.parametrize(("harm", "trouble"), [(Path.unlink, "is missing"), (cut_short, "has 10 bytes instead of")])
def test_it_has_a_lost_small_version_made_again(
    gallery: Gallery,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    sent: list[changes.Changes],
    harm: Callable[[Path], None],
    trouble: str,
) -> None:
    image = ready(gallery, tmp_path)
    harm(aged(Path(image.compressed.path)))
    code, lines = run(capsys)
    assert (code, state(image).status) == (1, Status.READY)
    assert lines[0].startswith(f"{image.pk} (photo.jpg): the small version {trouble}")
    assert run(capsys, "--fix")[0] == 0
    assert sent[-1]["cards"][0]["status"] == "queued"
    assert (sent[-1]["from"], sent[-1]["to"]) == (2, 3)
    assert run(capsys, "--fix")[1][-1].startswith("1 images and 1 files: 0 problems")
    assert work_off() is not None
    assert (state(image).status, state(image).revision) == (Status.READY, 2)
    assert run(capsys)[0] == 0


@pytest.mark.parametrize(("harm", "trouble"), [(Path.unlink, "is missing"), (cut_short, "has 10 bytes instead of")])
def test_it_has_a_lost_rendition_made_again(
    gallery: Gallery, capsys: pytest.CaptureFixture[str], harm: Callable[[Path], None], trouble: str
) -> None:
    upload(gallery, picture(700, 500))
    assert work_off() is not None
    image = work_off(jobs.SEEN_LATER)
    assert image is not None
    harm(MEDIA / image.renditions[-1]["name"])
    code, lines = run(capsys)
    width = image.renditions[-1]["width"]
    assert (code, lines[0].split(" (photo.jpg): ")[1].startswith(f"the rendition of {width} pixels {trouble}")) == (
        1,
        True,
    )
    assert run(capsys, "--fix")[0] == 0
    assert work_off() is not None
    assert work_off(jobs.SEEN_LATER) is not None
    assert run(capsys)[0] == 0


@pytest.mark.parametrize("harm", [Path.unlink, cut_short])
@pytest.mark.parametrize("status", [Status.QUEUED, Status.READY, Status.FAILED])
def test_it_fails_an_image_whose_original_is_lost(
    gallery: Gallery,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    sent: list[changes.Changes],
    status: str,
    harm: Callable[[Path], None],
) -> None:
    image = ready(gallery, tmp_path) if status == Status.READY else upload(gallery)
    if status == Status.FAILED:
        job = jobs.claim()
        assert job is not None
        jobs.fail(job, "too_complex")
    harm(Path(image.original.path))
    assert run(capsys)[0] == 1
    assert state(image).status == status
    code, lines = run(capsys, "--fix")
    assert (code, lines[0].endswith("-> failed")) == (0, True)
    assert (state(image).status, state(image).error_code) == (Status.FAILED, "original_missing")
    assert (sent[-1]["cards"][0]["error"], sent[-1]["cards"][0]["revision"]) == ("original_missing", 2)
    head = Gallery.objects.get(pk=gallery.pk).head
    assert run(capsys, "--fix")[1][-1].split(": ")[1].startswith("0 problems")
    assert Gallery.objects.get(pk=gallery.pk).head == head


def test_it_keeps_the_small_version_of_an_image_whose_original_is_lost(
    gallery: Gallery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = ready(gallery, tmp_path)
    Path(image.original.path).unlink()
    aged(Path(image.compressed.path))
    run(capsys, "--fix")
    assert run(capsys, "--fix")[0] == 0
    assert Path(image.compressed.path).exists()


def test_it_deletes_files_that_no_living_image_has(
    gallery: Gallery, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = ready(gallery, tmp_path)
    removed = ready(gallery, tmp_path)
    files = [Path(removed.original.path), Path(removed.compressed.path)]
    crash_before_deleting(removed, monkeypatch)
    strays = [
        *(aged(file) for file in files),
        left_over(MEDIA / "originals" / f"{uuid4()}.jpg"),  # killed before the row
        left_over(MEDIA / "originals" / f"{uuid4()}.jpg.part"),  # killed while a file was copied
        left_over(MEDIA / "compressed" / f"{kept.pk}-01234567.jpg"),  # killed before the row was ready
        left_over(MEDIA / "originals" / "IMG_1.jpg"),  # somebody's hand
        left_over(TEMPORARY / "tmpabc.upload.jpg"),
    ]
    code, lines = run(capsys)
    assert (code, len(lines)) == (1, len(strays) + 1)
    assert all(stray.exists() for stray in strays)
    code, lines = run(capsys, "--fix")
    assert (code, all(line.endswith("-> deleted") for line in lines[:-1])) == (0, True)
    assert not any(stray.exists() for stray in strays)
    assert Path(kept.original.path).exists()
    assert Path(kept.compressed.path).exists()
    assert [len(run(capsys, "--fix")[1]), run(capsys)[0]] == [1, 0]


def test_it_leaves_young_files_to_the_uploads_they_may_belong_to(
    gallery: Gallery, capsys: pytest.CaptureFixture[str]
) -> None:
    young = [MEDIA / "originals" / f"{uuid4()}.jpg", TEMPORARY / "tmpabc.upload.jpg"]
    for path in young:
        aged(left_over(path), 30 * 60)
    code, lines = run(capsys, "--fix")
    assert (code, all(path.exists() for path in young)) == (0, True)
    assert lines[-1].endswith("1 young files without an image left alone")
    assert run(capsys, "--fix", "--older-than", "20")[0] == 0
    assert not any(path.exists() for path in young)


def test_it_judges_nothing_while_the_storage_is_not_mounted(
    gallery: Gallery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = ready(gallery, tmp_path)
    (MEDIA / "originals").rename(tmp_path / "elsewhere")
    try:
        with pytest.raises(CommandError, match="is its disk mounted"):
            run(capsys, "--fix")
    finally:
        (tmp_path / "elsewhere").rename(MEDIA / "originals")
    assert state(image).status == Status.READY


def test_it_fails_nobody_when_most_originals_are_missing_unless_told_that_they_are_lost(
    gallery: Gallery, capsys: pytest.CaptureFixture[str]
) -> None:
    images = [upload(gallery, picture(200 + number)) for number in range(audit.SAMPLE_MIN)]
    for image in images[:-5]:
        Path(image.original.path).unlink()
    with pytest.raises(CommandError, match="15 of the first 20 originals are missing; is their disk mounted"):
        run(capsys, "--fix")
    assert {state(image).status for image in images} == {Status.QUEUED}
    assert run(capsys, "--fix", "--most-are-lost")[0] == 0
    assert [state(image).status for image in images].count(Status.FAILED) == 15


def test_it_takes_an_image_up_again_whose_original_is_back(
    gallery: Gallery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = ready(gallery, tmp_path)
    away = Path(image.original.path).rename(tmp_path / "away")
    run(capsys, "--fix")
    assert state(image).error_code == jobs.ORIGINAL_MISSING
    away.rename(image.original.path)
    assert run(capsys)[0] == 1
    assert run(capsys, "--fix")[0] == 0
    assert work_off() == image
    assert (state(image).status, state(image).error_code) == (Status.READY, "")


def test_it_reads_rows_in_chunks(
    gallery: Gallery, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "CHUNK", 3)
    images = [upload(gallery) for _ in range(7)]
    with CaptureQueriesContext(connection) as queries:
        assert run(capsys, "--most-are-lost")[1][-1].startswith("7 images and 7 files: 0 problems")
    assert sum("LIMIT 3" in query["sql"] for query in queries) == 4
    Path(images[-1].original.path).unlink()
    assert run(capsys)[0] == 1


@pytest.mark.parametrize("moment", ["removed", "deleted"])
def test_it_looks_at_the_row_again_before_it_acts(
    gallery: Gallery,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    """The image is removed by somebody else just before the audit looks at its files."""
    image = ready(gallery, tmp_path)
    trouble = audit._trouble

    def removed_meanwhile(name: str, size: int | None) -> str:
        if moment == "removed":
            removal.remove(image)
        else:
            UploadedImage.objects.filter(pk=image.pk).delete()
            Path(image.original.path).unlink(missing_ok=True)
            aged(Path(image.compressed.path)).unlink(missing_ok=True)
        return trouble(name, size)

    monkeypatch.setattr(audit, "_trouble", removed_meanwhile)
    for arguments in ([], ["--fix"]):
        code, lines = run(capsys, *arguments)
        assert (code, len(lines)) == (0, 1)


def age_one(pks: list[Any]) -> None:
    """Make ready pictures old, so that removals meet files that an audit may judge."""
    ready_ones = UploadedImage.objects.filter(status=Status.READY, pk__in=pks)
    for name in (name for row in ready_ones.values_list("original", "compressed") for name in row):
        with suppress(FileNotFoundError):
            aged(MEDIA / name)


@contextmanager
def traffic(gallery: Gallery, tmp_path: Path) -> Iterator[None]:
    """People upload, workers compress and staff remove, all the time, some of it on old pictures."""
    over, chance = threading.Event(), random.Random(7)

    def keep_doing(something: Callable[[], Any]) -> None:
        while not over.is_set():
            something()
            time.sleep(0.002)
        connections.close_all()

    def some() -> list[Any]:
        pks = list(UploadedImage.objects.exclude(status=Status.REMOVED).values_list("pk", flat=True))
        return chance.sample(pks, len(pks) // 3)

    def remove_one() -> None:
        if len(pks := some()) > 8:
            removal.remove(UploadedImage.objects.get(pk=pks[0]))

    acts: list[Callable[[], Any]] = [
        lambda: upload(gallery, picture(200)),
        work_off,
        remove_one,
        lambda: age_one(some()),
    ]
    threads = [threading.Thread(target=keep_doing, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_it_is_safe_while_people_upload_and_remove(
    gallery: Gallery, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "SETTLE_SECONDS", 1)
    monkeypatch.setattr(audit, "CHUNK", 10)
    for _ in range(60):
        upload(gallery)
    with traffic(gallery, tmp_path):
        for _round in range(4):
            stray = left_over(MEDIA / "originals" / f"{uuid4()}.jpg")
            code, lines = run(capsys, "--fix")
            assert (code, len(lines)) == (0, 2), lines
            assert lines[0].startswith(f"originals/{stray.name}: no image")
    while work_off():
        pass
    assert {row.status for row in UploadedImage.objects.all()} == {Status.READY, Status.REMOVED}
    assert run(capsys)[0] == 0
