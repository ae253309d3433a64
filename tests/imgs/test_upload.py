"""POST /upload/: a good picture becomes a stored original and a queued card."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError
from django.test import Client

from imgs import changes
from imgs.models import Gallery, UploadedImage
from tests.factories import picture

pytestmark = pytest.mark.usefixtures("gallery")


def send(client: Client, content: bytes, name: str = "photo.jpg", **fields: Any) -> Any:
    return client.post("/upload/", {"image": SimpleUploadedFile(name, content), **fields})


def stored_files() -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


@pytest.fixture(autouse=True)
def empty_storage() -> None:
    for path in stored_files():
        path.unlink()


def test_it_answers_202_with_the_card_of_a_queued_image(client: Client) -> None:
    response = send(client, picture(400, 300), "Kucing di pagar.jpg")
    card = response.json()["image"]
    assert response.status_code == 202
    assert (card["status"], card["original_name"], card["original_size"]) == (
        "queued",
        "Kucing di pagar.jpg",
        len(picture(400, 300)),
    )
    assert (card["width"], card["height"], card["content_type"]) == (400, 300, "image/jpeg")
    for absent in ("compressed_size", "compressed_width", "original_url", "compressed_url", "urls_expire_at", "error"):
        assert card[absent] is None


def test_it_stores_the_original_byte_for_byte_under_a_name_of_its_own(client: Client) -> None:
    content = picture()
    card = send(client, content, "../../etc/passwd.jpg").json()["image"]
    assert [path.name for path in stored_files()] == [f"{card['id']}.jpg"]
    assert stored_files()[0].read_bytes() == content


def test_it_takes_a_picture_as_what_it_is_whatever_accepted_extension_it_carries(client: Client) -> None:
    card = send(client, picture(format="PNG"), "chat.jpg").json()["image"]
    assert card["content_type"] == "image/png"
    assert stored_files()[0].suffix == ".png"


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP"])
def test_it_accepts_every_type_it_names_even_without_an_extension(client: Client, format: str) -> None:
    response = send(client, picture(format=format), "gambar")
    assert response.status_code == 202
    assert response.json()["image"]["content_type"] == f"image/{format.lower()}"


def test_it_numbers_uploads_without_gaps(client: Client) -> None:
    cards = [send(client, picture()).json()["image"] for _ in range(3)]
    assert [card["position"] for card in cards] == [1, 2, 3]
    assert [card["seq"] for card in cards] == [1, 2, 3]
    assert Gallery.objects.get(slug="main").head == 3


def test_it_gives_all_uploads_of_one_visitor_the_same_owner_and_others_another(client: Client) -> None:
    mine = {send(client, picture()).json()["image"]["owner"] for _ in range(2)}
    theirs = send(Client(), picture()).json()["image"]["owner"]
    assert len(mine) == 1
    assert theirs not in mine


def test_it_never_uses_the_session_key_as_owner(client: Client) -> None:
    card = send(client, picture()).json()["image"]
    assert card["owner"] not in client.cookies["sessionid"].value


def test_it_puts_the_picture_into_the_gallery_that_is_named(client: Client) -> None:
    other = Gallery.objects.create(slug="pesta", title="Pesta")
    send(client, picture(), gallery="pesta")
    assert other.images.count() == 1
    assert Gallery.objects.get(slug="main").images.count() == 0


def test_it_answers_404_for_a_gallery_that_does_not_exist(client: Client) -> None:
    response = send(client, picture(), gallery="nowhere")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert stored_files() == []


def test_it_returns_the_first_result_for_the_same_key_from_the_same_visitor(client: Client) -> None:
    key = str(uuid4())
    content = picture()
    first = send(client, content, key=key).json()["image"]
    again = send(client, content, key=key)
    assert (again.status_code, again.json()["image"]["id"]) == (202, first["id"])
    assert UploadedImage.objects.count() == 1
    assert len(stored_files()) == 1


def test_it_refuses_other_bytes_under_the_same_key(client: Client) -> None:
    key = str(uuid4())
    send(client, picture(), key=key)
    response = send(client, picture(color="red"), key=key)
    assert (response.status_code, response.json()["code"]) == (409, "conflict")
    assert len(stored_files()) == 1


def test_it_keeps_the_keys_of_different_visitors_apart(client: Client) -> None:
    key = str(uuid4())
    ids = {send(visitor, picture(), key=key).json()["image"]["id"] for visitor in (client, Client())}
    assert len(ids) == 2


def test_it_leaves_neither_row_nor_file_when_the_transaction_fails(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_gallery_id: int) -> tuple[int, str]:
        raise DatabaseError("gone")

    monkeypatch.setattr(changes, "take_number", fail)
    response = send(client, picture())
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert UploadedImage.objects.count() == 0
    assert stored_files() == []


def test_it_answers_507_when_the_storage_limit_is_reached(client: Client, settings: Any) -> None:
    settings.STORAGE_LIMIT_BYTES = len(picture()) + 10
    assert send(client, picture()).status_code == 202
    response = send(client, picture())
    assert (response.status_code, response.json()["code"]) == (507, "storage_full")


def test_it_answers_429_with_retry_after_over_the_rate(client: Client, settings: Any) -> None:
    from imgs import visitors

    settings.UPLOAD_RATE = "2/minute"
    visitors._rate.cache_clear()
    visitors._limiter.cache_clear()
    try:
        statuses = [send(client, picture()).status_code for _ in range(2)]
        response = send(client, picture())
    finally:
        visitors._rate.cache_clear()
        visitors._limiter.cache_clear()
    assert statuses == [202, 202]
    assert (response.status_code, response.json()["code"]) == (429, "rate_limited")
    assert 1 <= int(response["Retry-After"]) <= 60
