"""First the small version, then the renditions: a second job, a second change, and nothing lost between the two."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.db.models.functions import Now
from PIL import Image

from imgs import cards, files, jobs, removal, signing
from imgs.models import Gallery, UploadedImage
from tests.factories import done, picture, upload, work_off
from tests.pictures import animation, photo


@pytest.fixture
def ready(gallery: Gallery) -> UploadedImage:
    """A picture whose small version is there, and whose renditions are owed."""
    upload(gallery, photo(2400, 1600))
    image = work_off()
    assert image is not None
    return image


def widths(image: UploadedImage) -> list[int]:
    return sorted(signing.widths_of(cards.card(image)["srcset"] or ""))


def test_it_shows_the_small_version_before_there_are_renditions(ready: UploadedImage) -> None:
    card = cards.card(ready)
    assert (card["status"], card["srcset"], len(card["placeholder"]) > 20) == ("ready", None, True)
    image = work_off(jobs.SEEN_LATER)
    assert image is not None
    assert widths(image) == [320, 640, 1280, 1920]
    assert (image.seq, image.revision, image.work, image.attempts) == (ready.seq + 1, ready.revision, "none", 0)


def test_it_hands_each_rendition_out_under_a_url_of_its_own(ready: UploadedImage) -> None:
    image = work_off(jobs.SEEN_LATER)
    assert image is not None
    for entry in (cards.card(image)["srcset"] or "").split(", "):
        url, descriptor = entry.split(" ")
        file = files.find(signing.read(url.split("/")[2]))
        assert file is not None
        with Image.open(file.path) as shown:
            assert (shown.format, shown.width, file.width) == ("WEBP", int(descriptor[:-1]), shown.width)
            assert (file.content_type, file.size) == ("image/webp", file.path.stat().st_size)


def test_it_claims_no_renditions_for_those_whom_somebody_waits_for(gallery: Gallery, ready: UploadedImage) -> None:
    assert jobs.claim(jobs.SEEN_FIRST) is None
    waiting = upload(gallery)
    job = jobs.claim(jobs.SEEN_FIRST)
    assert job is not None
    assert job.image == waiting.pk
    job = jobs.claim(jobs.SEEN_LATER)
    assert job is not None
    assert job.image == ready.pk


def test_it_owes_the_renditions_of_a_worker_that_died_over_them(ready: UploadedImage) -> None:
    died = jobs.claim(jobs.SEEN_LATER)
    assert died is not None
    UploadedImage.objects.update(lease_until=Now() - timedelta(seconds=1))
    image = work_off(jobs.SEEN_LATER)
    assert image is not None
    assert (len(widths(image)), done(died)) == (4, False)
    assert len(list((Path(default_storage.path("renditions"))).glob(f"{image.pk}-*"))) == 4


def test_it_leaves_a_picture_without_renditions_after_three_attempts(ready: UploadedImage) -> None:
    for _ in range(jobs.ATTEMPTS_MAX):
        assert jobs.claim(jobs.SEEN_LATER) is not None
        UploadedImage.objects.update(lease_until=Now() - timedelta(seconds=1))
    assert jobs.give_up() == 1
    image = UploadedImage.objects.get()
    assert (image.status, image.work, image.seq) == ("ready", "none", ready.seq)


def test_it_leaves_what_moves_as_it_is(gallery: Gallery) -> None:
    upload(gallery, animation("GIF"))
    image = work_off()
    assert image is not None
    assert image.compressed_type == "image/webp"
    image = work_off(jobs.SEEN_LATER)
    assert image is not None
    assert (image.work, image.renditions, cards.card(image)["srcset"]) == ("none", [], None)
    with Image.open(image.compressed.path) as moving:
        assert moving.n_frames == 2  # type: ignore[attr-defined]


def test_it_renews_the_urls_of_renditions_with_the_others(ready: UploadedImage) -> None:
    image = work_off(jobs.SEEN_LATER)
    assert image is not None
    card = cards.card(image)
    old = {**card, "urls_expire_at": "2020-01-01T00:00:00Z", "srcset": card["srcset"].replace("w640", "wxyz")}
    assert cards.renewed(old, cards.urls_expire_at())["srcset"] == card["srcset"]


def test_it_deletes_the_renditions_of_a_removed_picture(ready: UploadedImage) -> None:
    image = work_off(jobs.SEEN_LATER)
    assert image is not None
    assert all(default_storage.exists(name) for name in image.file_names)
    removal.remove(image)
    assert not any(default_storage.exists(name) for name in image.file_names)


def test_it_counts_what_renditions_take(gallery: Gallery, ready: UploadedImage) -> None:
    from imgs.intake import stored_bytes

    before = stored_bytes()
    image = work_off(jobs.SEEN_LATER)
    assert image is not None
    sizes = [default_storage.size(name) for name in image.file_names]
    assert before < stored_bytes() == sum(sizes)


def test_it_has_one_rendition_of_a_small_picture(gallery: Gallery) -> None:
    upload(gallery, picture(200, 100))
    work_off()
    image = work_off(jobs.SEEN_LATER)
    assert image is not None
    assert widths(image) == [200]
