"""The REST API: snapshot pages, uploads, and documentation that is true."""

import logging
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from imgs.models import Gallery
from tests.factories import picture, upload, work_off

IMAGES = "/api/v1/galleries/main/images"


def test_it_lists_a_gallery_newest_first_with_head_and_epoch(client: Client, gallery: Gallery, tmp_path: Path) -> None:
    upload(gallery)
    work_off()
    upload(gallery, name="kedua.jpg")
    page = client.get(IMAGES).json()
    assert (page["epoch"], page["head"], page["next"]) == (gallery.epoch, 3, None)
    assert [(card["status"], card["position"], card["seq"]) for card in page["images"]] == [
        ("queued", 3, 3),
        ("ready", 1, 2),
    ]
    assert page["images"][1]["compressed_url"].startswith("/image/")


def test_it_pages_with_limit_and_before(client: Client, gallery: Gallery) -> None:
    for _ in range(5):
        upload(gallery)
    first = client.get(IMAGES, {"limit": 2}).json()
    assert ([card["position"] for card in first["images"]], first["next"]) == ([5, 4], 4)
    second = client.get(IMAGES, {"limit": 2, "before": first["next"]}).json()
    assert [card["position"] for card in second["images"]] == [3, 2]
    assert client.get(IMAGES, {"before": 1}).json()["images"] == []


def test_it_gives_sixty_images_unless_told_otherwise(client: Client, gallery: Gallery) -> None:
    for _ in range(61):
        upload(gallery)
    assert len(client.get(IMAGES).json()["images"]) == 60


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "before=0", "before=x"])
@pytest.mark.usefixtures("gallery")
def test_it_refuses_a_parameter_that_is_not_possible(client: Client, query: str) -> None:
    response = client.get(f"{IMAGES}?{query}")
    assert (response.status_code, response["Content-Type"]) == (422, "application/problem+json")
    assert response.json()["code"] == "invalid_parameter"


@pytest.mark.django_db
def test_it_answers_404_for_a_gallery_that_does_not_exist(client: Client) -> None:
    response = client.get("/api/v1/galleries/nowhere/images")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def post(client: Client, **headers: str) -> Any:
    return client.post(IMAGES, {"image": SimpleUploadedFile("a.jpg", picture())}, headers=headers)


@pytest.mark.usefixtures("gallery")
def test_it_takes_an_upload_from_a_program() -> None:
    response = post(Client(enforce_csrf_checks=True))
    assert (response.status_code, response.json()["image"]["status"]) == (202, "queued")


@pytest.mark.usefixtures("gallery")
def test_it_asks_a_browser_for_the_csrf_token() -> None:
    client = Client(enforce_csrf_checks=True)
    client.get("/")
    origin = "http://testserver"
    assert post(client, Origin=origin).json()["code"] == "csrf_failed"
    assert post(client, Origin=origin, **{"X-CSRFToken": client.cookies["csrftoken"].value}).status_code == 202


@pytest.mark.usefixtures("gallery")
@pytest.mark.parametrize("address", [IMAGES, f"{IMAGES}/{uuid4()}/edits"])
def test_it_notes_a_missing_csrf_token_in_one_line(address: str, caplog: pytest.LogCaptureFixture) -> None:
    client = Client(enforce_csrf_checks=True)
    with caplog.at_level(logging.INFO):
        response = client.post(address, {"revision": 1}, "application/json", headers={"Origin": "http://testserver"})
    assert (response.status_code, response["Content-Type"]) == (403, "application/problem+json")
    assert response.json()["code"] == "csrf_failed"
    assert [(record.getMessage(), record.__dict__["code"]) for record in caplog.records] == [("refused", "csrf_failed")]


@pytest.mark.usefixtures("gallery")
def test_it_answers_an_upload_without_a_file_by_its_code(client: Client) -> None:
    response = client.post(IMAGES, {})
    assert (response.status_code, response.json()["code"]) == (400, "missing_file")


@pytest.mark.usefixtures("gallery")
def test_it_documents_every_field_of_a_card(client: Client, gallery: Gallery) -> None:
    upload(gallery)
    card = client.get(IMAGES).json()["images"][0]
    document = client.get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert set(document["components"]["schemas"]["Card"]["properties"]) == set(card)
    assert client.get("/api/v1/docs").status_code == 200
