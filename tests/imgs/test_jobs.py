"""The queue: one holder per lease, fenced by its token, and every image ends."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db.models.functions import Now

from imgs import jobs, removal
from imgs.models import Gallery, UploadedImage
from tests.factories import done, made, upload, work_off

Status = UploadedImage.Status


@pytest.fixture(autouse=True)
def first_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count claims from one, so that the fourth is the fourth."""
    import itertools

    monkeypatch.setattr(jobs, "_claims", {works: itertools.count(1) for works in jobs._claims})


def state(image: UploadedImage) -> UploadedImage:
    return UploadedImage.objects.get(pk=image.pk)


def run_out(image: UploadedImage) -> None:
    UploadedImage.objects.filter(pk=image.pk).update(lease_until=Now() - timedelta(seconds=1))


def claim() -> jobs.Job:
    job = jobs.claim()
    assert job is not None
    return job


def test_it_has_nothing_to_claim_in_an_empty_gallery(gallery: Gallery) -> None:
    assert jobs.claim() is None


def test_it_gives_an_image_to_one_worker_at_a_time(gallery: Gallery) -> None:
    image = upload(gallery)
    job = claim()
    assert (job.image, job.attempt) == (image.pk, 1)
    assert jobs.claim() is None


def test_it_claims_the_newest_first_and_every_fourth_time_the_oldest(gallery: Gallery) -> None:
    images = [upload(gallery) for _ in range(6)]
    for number, image in enumerate(images):
        UploadedImage.objects.filter(pk=image.pk).update(created_at=Now() + timedelta(seconds=number))
    order = []
    for _ in images:
        order.append([image.pk for image in images].index(claim().image))
        assert jobs.claim(jobs.SEEN_LATER) is None  # as workers ask in between, with a count of its own
    assert order == [5, 4, 3, 0, 2, 1]


def test_it_makes_the_image_ready_with_facts_and_a_file(gallery: Gallery, tmp_path: Path) -> None:
    upload(gallery)
    image = work_off()
    assert image is not None
    assert (image.status, image.work, image.seq, image.position) == (Status.READY, "renditions", 2, 1)
    assert (image.compressed_width, image.compressed_height) == (150, 94)
    assert Path(image.compressed.path).stat().st_size == image.compressed_size
    assert image.reduction_percentage == round(100 * (1 - image.compressed_size / image.original_size), 2)
    assert list(Path(tmp_path).iterdir()) == []


def test_it_lets_another_worker_take_over_when_a_lease_runs_out(gallery: Gallery) -> None:
    image = upload(gallery)
    first = claim()
    run_out(image)
    second = claim()
    assert (second.image, second.attempt) == (image.pk, 2)
    assert second.token != first.token


def test_it_does_not_wait_for_a_lease_of_before_the_clock_was_set_back(gallery: Gallery) -> None:
    image = upload(gallery)
    claim()
    UploadedImage.objects.filter(pk=image.pk).update(lease_until=Now() + timedelta(hours=2))
    assert claim().image == image.pk


def test_it_gives_up_on_the_last_attempt_of_before_the_clock_was_set_back(gallery: Gallery) -> None:
    image = upload(gallery)
    values = {"attempts": jobs.ATTEMPTS_MAX, "lease_until": Now() + timedelta(hours=2)}
    UploadedImage.objects.filter(pk=image.pk).update(**values)
    assert jobs.give_up() == 1
    assert state(image).error_code == jobs.PROCESSING_FAILED


def test_it_does_not_let_the_old_holder_finish_renew_fail_or_hand_back(gallery: Gallery, tmp_path: Path) -> None:
    image = upload(gallery)
    old = claim()
    run_out(image)
    new = claim()
    assert done(old) is False
    assert jobs.renew(old) is False
    assert jobs.fail(old, "damaged_image") is False
    jobs.hand_back(old)
    assert (state(image).status, state(image).lease_token, state(image).attempts) == (Status.QUEUED, new.token, 2)
    assert not list((Path(settings.MEDIA_ROOT) / "compressed").glob(f"{image.pk}*"))
    assert done(new) is True
    assert state(image).status == Status.READY


def test_it_takes_no_number_when_a_finish_is_refused(gallery: Gallery, tmp_path: Path) -> None:
    image = upload(gallery)
    job = claim()
    with made(job) as result:
        removal.remove(image)
        assert jobs.finish(job, result) is False
    gallery.refresh_from_db()
    assert gallery.head == 2


def test_it_ends_a_second_finish_of_the_same_job_without_effect(gallery: Gallery, tmp_path: Path) -> None:
    image = upload(gallery)
    job = claim()
    assert done(job) is True
    assert done(job) is False
    assert state(image).seq == 2
    assert Path(state(image).compressed.path).exists()


def test_it_renews_the_lease_of_the_holder(gallery: Gallery) -> None:
    image = upload(gallery)
    job = claim()
    before = state(image).lease_until
    assert jobs.renew(job) is True
    assert state(image).lease_until >= before


def test_it_costs_no_attempt_to_hand_back(gallery: Gallery) -> None:
    upload(gallery)
    jobs.hand_back(claim())
    assert claim().attempt == 1


def test_it_fails_an_image_after_three_attempts(gallery: Gallery) -> None:
    image = upload(gallery)
    for _attempt in range(jobs.ATTEMPTS_MAX):
        assert state(image).status == Status.QUEUED
        jobs.retry_later(claim())
        run_out(image)
    assert (state(image).status, state(image).error_code) == (Status.FAILED, "processing_failed")
    assert jobs.claim() is None


def test_it_gives_up_on_an_image_whose_workers_all_died(gallery: Gallery) -> None:
    image = upload(gallery)
    for _attempt in range(jobs.ATTEMPTS_MAX):
        claim()
        run_out(image)
    assert jobs.claim() is None
    assert jobs.give_up() == 1
    assert jobs.give_up() == 0
    assert (state(image).status, state(image).error_code) == (Status.FAILED, "processing_failed")


def test_it_puts_a_failed_image_back_into_the_queue(gallery: Gallery, tmp_path: Path) -> None:
    image = upload(gallery)
    jobs.fail(claim(), "damaged_image")
    assert jobs.retry(image) is True
    assert (state(image).status, state(image).error_code, state(image).seq) == (Status.QUEUED, "", 3)
    assert jobs.retry(image) is False
    assert work_off() is not None


def test_it_removes_row_and_files_once(gallery: Gallery, tmp_path: Path) -> None:
    upload(gallery)
    image = work_off()
    assert image is not None
    files = [Path(image.original.path), Path(image.compressed.path)]
    assert removal.remove(image) is True
    assert removal.remove(image) is False
    assert (state(image).status, state(image).seq) == (Status.REMOVED, 3)
    assert not any(file.exists() for file in files)


def test_it_keeps_the_files_when_the_removal_is_rolled_back(
    gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(gallery)
    image = work_off()
    assert image is not None

    def crash(*_args: Any) -> None:
        raise RuntimeError("the process dies here")

    monkeypatch.setattr(removal, "_bury", crash)
    with pytest.raises(RuntimeError, match="dies here"):
        removal.remove(image)
    assert state(image).status == Status.READY
    assert Path(image.original.path).exists()


def test_it_buries_tombstones_that_nobody_can_catch_up_past(gallery: Gallery) -> None:
    old, new = upload(gallery), upload(gallery)
    removal.remove(old)
    Gallery.objects.filter(pk=gallery.pk).update(head=2000)
    removal.remove(new)
    gallery.refresh_from_db()
    assert not UploadedImage.objects.filter(pk=old.pk).exists()
    assert state(new).status == Status.REMOVED
    assert gallery.floor == 2001 - 1000
