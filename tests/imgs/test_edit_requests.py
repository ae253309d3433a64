"""Edits: another version of the same original, asked for by its uploader, shown when it is there, always undoable."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from imgs import cards, files, jobs, removal, signing
from imgs.models import Gallery, UploadedImage
from tests.factories import made, work_off
from tests.pictures import QUADRANTS, close, corners, encoded, quadrants

RED, GREEN, BLUE, YELLOW = QUADRANTS


@pytest.fixture
def image(gallery: Gallery, client: Client) -> UploadedImage:
    """A ready picture of four colours, with renditions; `client` uploaded it."""
    content = encoded(quadrants(800, 600), "JPEG")
    client.post("/upload/", {"image": SimpleUploadedFile("photo.jpg", content)})
    work_off()
    ready = work_off(jobs.SEEN_LATER)
    assert ready is not None
    return ready


def ask(client: Client, image: UploadedImage, **edit: Any) -> Any:
    address = f"/api/v1/galleries/main/images/{image.pk}/edits"
    return client.post(address, {"revision": image.revision, **edit}, content_type="application/json")


def shown(image: UploadedImage) -> list[tuple[int, ...]]:
    with Image.open(io.BytesIO(Path(image.compressed.path).read_bytes())) as small:
        return corners(small)


def looks(image: UploadedImage, *wanted: tuple[int, int, int]) -> bool:
    return all(close(colour, quadrant, 20) for colour, quadrant in zip(shown(image), wanted, strict=True))


def edited(client: Client, image: UploadedImage, **edit: Any) -> UploadedImage:
    assert ask(client, image, **edit).status_code == 202
    finished = work_off()
    assert finished is not None
    return finished


def test_it_turns_crops_and_mirrors_the_kept_original(client: Client, image: UploadedImage) -> None:
    turned = edited(client, image, rotation=90)
    assert looks(turned, BLUE, RED, YELLOW, GREEN)
    assert (turned.compressed_width, turned.compressed_height) == (150, 200)
    mirrored = edited(client, turned, flip=True)
    assert looks(mirrored, GREEN, RED, YELLOW, BLUE)
    part = edited(client, mirrored, crop={"x": 400, "y": 0, "width": 400, "height": 300}, rotation=180)
    assert looks(part, GREEN, GREEN, GREEN, GREEN)
    assert (part.width, part.height) == (800, 600)
    assert cards.card(part)["edit"] == {
        "crop": {"x": 400, "y": 0, "width": 400, "height": 300},
        "flip": False,
        "rotation": 180,
    }


def test_it_undoes_an_edit_by_another_one(client: Client, image: UploadedImage) -> None:
    turned = edited(client, image, rotation=270, crop={"x": 0, "y": 0, "width": 100, "height": 100})
    undone = edited(client, turned)
    assert looks(undone, *QUADRANTS)
    assert (undone.compressed_width, undone.compressed_height) == (150, 113)
    assert (undone.revision, cards.card(undone)["edit"]) == (image.revision + 2, None)


def test_it_serves_the_old_revision_until_the_new_one_is_there(client: Client, image: UploadedImage) -> None:
    old = cards.card(image)
    answer = ask(client, image, rotation=90).json()["image"]
    assert (answer["revision"], answer["edit"], answer["edit_pending"]) == (image.revision, None, True)
    capability = signing.read(old["compressed_url"].split("/")[2])
    assert files.find(capability) is not None
    finished = work_off()
    assert finished is not None
    card = cards.card(finished)
    assert (card["revision"], card["edit_pending"], files.find(capability)) == (image.revision + 1, False, None)
    assert not any(default_storage.exists(name) for name in image.file_names if name != image.original.name)
    rendition = (card["srcset"] or "").split(" ")[0]
    file = files.find(signing.read(rendition.split("/")[2]))
    assert file is not None
    assert file.width < file.height


def test_it_refuses_an_edit_of_a_stale_revision_or_while_another_waits(client: Client, image: UploadedImage) -> None:
    assert ask(client, image, rotation=90).status_code == 202
    for answer in (ask(client, image, rotation=180), ask(client, image, flip=True)):
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    work_off()
    assert ask(client, image, rotation=180).status_code == 409


def test_it_lets_nobody_else_edit_but_staff(image: UploadedImage, admin_client: Client) -> None:
    answer = ask(Client(), image, rotation=90)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert ask(admin_client, image, rotation=90).status_code == 202


@pytest.mark.parametrize(
    "edit",
    [
        {"rotation": 45},
        {"crop": {"x": 700, "y": 0, "width": 101, "height": 10}},
        {"crop": {"x": -1, "y": 0, "width": 10, "height": 10}},
        {"crop": {"x": 0, "y": 0, "width": 0, "height": 10}},
        {"width": 5000},
        {"format": "tiff"},
    ],
)
def test_it_refuses_what_is_not_possible(client: Client, image: UploadedImage, edit: dict[str, Any]) -> None:
    answer = ask(client, image, **edit)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter")
    image.refresh_from_db()
    assert image.work == "none"


def test_it_shows_the_old_version_on_when_an_edit_fails(client: Client, image: UploadedImage) -> None:
    ask(client, image, rotation=90)
    job = jobs.claim()
    assert job is not None
    assert jobs.fail(job, "too_complex") is True
    image.refresh_from_db()
    card = cards.card(image)
    assert (card["status"], card["revision"], card["edit"], card["edit_pending"]) == ("ready", 1, None, False)
    assert all(default_storage.exists(name) for name in image.file_names)


def test_it_ends_when_the_picture_is_removed_meanwhile(client: Client, image: UploadedImage) -> None:
    ask(client, image, rotation=90)
    job = jobs.claim()
    assert job is not None
    removal.remove(image)
    source = job.source
    source.write_bytes(encoded(quadrants(80, 60), "JPEG"))
    with made(job) as result:
        assert jobs.finish(job, result) is False
    source.unlink()
    assert ask(client, image, rotation=90).status_code == 404


def test_it_answers_404_for_a_picture_of_another_gallery(client: Client, image: UploadedImage) -> None:
    Gallery.objects.create(slug="pesta", title="Pesta")
    answer = client.post(
        f"/api/v1/galleries/pesta/images/{image.pk}/edits", {"revision": 1}, content_type="application/json"
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
