"""Staff see every image, and what they do reaches every screen."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from imgs import changes, jobs, notify
from imgs.models import Gallery, UploadedImage
from tests.factories import upload, work_off

CHANGELIST = "/admin/imgs/uploadedimage/"


@pytest.fixture
def staff(client: Client, gallery: Gallery) -> Client:
    client.force_login(User.objects.create_superuser("petugas"))
    return client


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[changes.Changes]:
    messages: list[changes.Changes] = []
    monkeypatch.setattr(notify, "viewers", lambda _gallery_id, _epoch, message: messages.append(message))
    return messages


def act(staff: Client, action: str, *images: UploadedImage) -> str:
    chosen = [str(image.pk) for image in images]
    response = staff.post(CHANGELIST, {"action": action, "_selected_action": chosen}, follow=True)
    return response.content.decode()


def test_it_shows_thumbnails(staff: Client, gallery: Gallery, tmp_path: Path) -> None:
    upload(gallery)
    image = work_off()
    assert image is not None
    assert f'src="{image.compressed_url}"' in staff.get(CHANGELIST).content.decode()
    assert image.original_name in staff.get(f"{CHANGELIST}{image.pk}/change/").content.decode()


def test_it_removes_an_image_from_every_screen(staff: Client, gallery: Gallery, sent: list[changes.Changes]) -> None:
    image = upload(gallery)
    assert "1 image was removed." in act(staff, "remove", image)
    assert sent[-1]["removed"] == [{"id": str(image.pk), "seq": 2}]
    assert str(image.pk) not in staff.get(CHANGELIST).content.decode()


def test_it_queues_a_failed_image_again(staff: Client, gallery: Gallery, sent: list[changes.Changes]) -> None:
    image = upload(gallery)
    job = jobs.claim()
    assert job is not None
    jobs.fail(job, "damaged_image")
    assert "1 image is in the queue again." in act(staff, "retry", image)
    assert sent[-1]["cards"][0]["status"] == "queued"
    assert sent[-1]["cards"][0]["error"] is None


def test_it_says_that_nothing_was_done_to_an_image_that_is_not_failed(staff: Client, gallery: Gallery) -> None:
    assert "0 images are in the queue again." in act(staff, "retry", upload(gallery))


def test_it_never_deletes_or_edits_rows_behind_the_back_of_the_feed(staff: Client, gallery: Gallery) -> None:
    image = upload(gallery)
    assert staff.get(f"{CHANGELIST}{image.pk}/delete/").status_code == 403
    assert staff.get(f"{CHANGELIST}add/").status_code == 403
    staff.post(f"{CHANGELIST}{image.pk}/change/", {"status": "ready", "original_name": "changed"})
    image.refresh_from_db()
    assert (image.status, image.original_name) == ("queued", "photo.jpg")


def test_it_does_not_delete_a_gallery_that_has_images(staff: Client, gallery: Gallery) -> None:
    upload(gallery)
    assert staff.get(f"/admin/imgs/gallery/{gallery.pk}/delete/").status_code == 403


def test_it_adds_a_gallery_that_works_at_once(staff: Client) -> None:
    staff.post("/admin/imgs/gallery/add/", {"title": "Pesta", "slug": "pesta"})
    assert staff.get("/g/pesta/").status_code == 200


def test_it_keeps_the_name_in_addresses_of_a_gallery_that_exists(staff: Client, gallery: Gallery) -> None:
    staff.post(f"/admin/imgs/gallery/{gallery.pk}/change/", {"title": "Pesta", "slug": "pesta"})
    gallery.refresh_from_db()
    assert (gallery.title, gallery.slug) == ("Pesta", "main")
