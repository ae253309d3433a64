"""The uploader chooses what the small version is; who chooses nothing gets what the settings say."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from imgs import cards, files, signing
from imgs.models import UploadedImage
from tests.factories import picture, work_off
from tests.pictures import photo


def send(client: Client, content: bytes, **fields: Any) -> Any:
    return client.post("/upload/", {"image": SimpleUploadedFile("photo.jpg", content), **fields})


def made(client: Client, **fields: Any) -> UploadedImage:
    assert send(client, photo(900, 600), **fields).status_code == 202
    image = work_off()
    assert image is not None
    return image


@pytest.mark.parametrize(
    ("fields", "width", "content_type"),
    [
        ({}, 150, "image/jpeg"),
        ({"width": "640"}, 640, "image/jpeg"),
        ({"width": "320", "format": "webp", "quality": "50"}, 320, "image/webp"),
        ({"width": "300", "format": "avif"}, 300, "image/avif"),
        ({"width": "4096"}, 900, "image/jpeg"),
    ],
)
@pytest.mark.django_db
def test_it_makes_what_was_chosen(client: Client, fields: dict[str, str], width: int, content_type: str) -> None:
    card = cards.card(made(client, **fields))
    assert (card["compressed_width"], card["compressed_type"]) == (width, content_type)
    assert card["compressed_height"] == round(width * 600 / 900)
    file = files.find(signing.read(card["compressed_url"].split("/")[2]))
    assert file is not None
    assert (file.content_type, file.size) == (content_type, card["compressed_size"])


@pytest.mark.django_db
def test_it_makes_a_smaller_file_of_a_lower_quality(client: Client) -> None:
    sizes = [made(client, width="640", quality=quality).compressed_size for quality in ("90", "50", "10")]
    assert sizes == sorted(sizes, reverse=True)  # type: ignore[type-var]
    assert sizes[2] < sizes[0] / 2  # type: ignore[operator]


@pytest.mark.django_db
def test_it_makes_what_a_program_chose(client: Client) -> None:
    fields = {"image": SimpleUploadedFile("photo.jpg", photo(900, 600)), "width": "320", "format": "webp"}
    assert client.post("/api/v1/galleries/main/images", fields).status_code == 202
    image = work_off()
    assert image is not None
    assert (image.compressed_width, image.compressed_type) == (320, "image/webp")


@pytest.mark.parametrize(
    "fields",
    [{"width": "15"}, {"width": "4097"}, {"width": "wide"}, {"format": "bmp"}, {"quality": "0"}, {"quality": "101"}],
)
@pytest.mark.django_db
def test_it_refuses_what_is_not_possible(client: Client, fields: dict[str, str]) -> None:
    response = send(client, picture(), **fields)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_parameter")
    upload = {"image": SimpleUploadedFile("photo.jpg", picture()), **fields}
    response = client.post("/api/v1/galleries/main/images", upload)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_parameter")
    assert not UploadedImage.objects.exists()
