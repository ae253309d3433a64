"""The pages and what the person on call asks for."""

import re
from typing import Any

import pytest
from django.test import Client

from imgs.models import Gallery
from tests.factories import upload

pytestmark = pytest.mark.usefixtures("gallery")


@pytest.mark.parametrize("address", ["/", "/g/main/", "/wall/", "/g/main/wall/"])
def test_it_serves_the_pages_of_a_gallery(client: Client, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 200
    assert b"/ws/gallery/main/" in response.content


@pytest.mark.parametrize("address", ["/g/nowhere/", "/g/nowhere/wall/", "/g/nowhere/qr.svg", "/nothing/"])
def test_it_answers_404_in_the_language_of_the_person(client: Client, address: str) -> None:
    pages = {language: client.get(address, headers={"Accept-Language": language}) for language in ("id", "en")}
    assert {page.status_code for page in pages.values()} == {404}
    assert f'lang="{"id"}"' in pages["id"].content.decode()
    assert pages["id"].content != pages["en"].content


def test_it_allows_no_inline_script_or_style(client: Client) -> None:
    policy = client.get("/")["Content-Security-Policy"]
    assert "unsafe-inline" not in policy
    assert "object-src 'none'" in policy
    for address in ("/", "/wall/"):
        page = client.get(address).content.decode()
        assert not re.search(r"<[^>]+\s(style|on[a-z]+)=", page)
        assert not re.search(r"<script(?![^>]*(src=|application/json))", page)


def test_it_switches_the_language_and_remembers(client: Client) -> None:
    client.post("/i18n/setlang/", {"language": "id", "next": "/"})
    assert 'lang="id"' in client.get("/", headers={"Accept-Language": "en"}).content.decode()


def test_it_puts_the_public_address_into_the_qr_code(client: Client, settings: Any) -> None:
    plain = client.get("/g/main/qr.svg")
    settings.PUBLIC_URL = "https://pesta.example"
    assert plain["Content-Type"] == "image/svg+xml"
    assert client.get("/g/main/qr.svg").content != plain.content
    assert "https://pesta.example/" in client.get("/wall/").content.decode()


def test_it_counts_for_prometheus(client: Client, gallery: Gallery) -> None:
    upload(gallery)
    text = client.get("/metrics").content.decode()
    numbers = dict(line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
    assert float(numbers["dinding_queued"]) == float(numbers["dinding_queue_length"]) == 1
    assert float(numbers["dinding_queue_oldest_seconds"]) >= 0
    for name in ("dinding_ready", "dinding_failed", "dinding_sockets", "dinding_uploads_total"):
        assert float(numbers[name]) >= 0


def test_it_does_not_serve_a_host_it_was_not_told_of(client: Client) -> None:
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400


@pytest.mark.parametrize(
    ("method", "address", "status", "code"),
    [
        ("get", "/upload/", 405, "method_not_allowed"),
        ("get", "/api/v1/nothing", 404, "not_found"),
        ("delete", "/api/v1/galleries/main/images", 405, "method_not_allowed"),
        ("get", "/api/v1/galleries/main%00/images", 404, "not_found"),
        ("get", "/api/v1/galleries/a b/images", 404, "not_found"),
    ],
)
def test_it_answers_programs_with_problems_alone(
    client: Client, method: str, address: str, status: int, code: str
) -> None:
    response = getattr(client, method)(address)
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    assert response.json()["code"] == code
