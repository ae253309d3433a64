"""A part that is away is said once, gets a true answer meanwhile, and is said again when it is back."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client

from imgs import health
from imgs.models import Gallery
from imgs.outages import Outage
from imgs.storing import StorageAway
from tests.factories import picture, upload


@pytest.fixture
def database_away(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: Any, **_kwargs: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr("django.db.models.query.QuerySet.get", refuse)
    monkeypatch.setattr("django.db.models.query.QuerySet.aggregate", refuse)


@pytest.mark.usefixtures("database_away")
@pytest.mark.parametrize("address", ["/", "/wall/"])
def test_it_shows_a_page_that_comes_back_by_itself(
    client: Client, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    response = client.get(address)
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert b'http-equiv="refresh"' in response.content
    assert [record.exc_info for record in caplog.records] == [None]


@pytest.mark.usefixtures("database_away")
def test_it_answers_programs_with_a_problem(client: Client) -> None:
    response = client.get("/api/v1/galleries/main/images")
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert int(response["Retry-After"]) > 0


def test_it_says_an_outage_once_and_its_end_once(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage(logging.getLogger("tests"), "the database")
    with caplog.at_level(logging.INFO):
        outage.over()
        for _ in range(3):
            outage.noticed(OperationalError())
        outage.over()
        outage.over()
        outage.noticed("full")
    assert [record.getMessage() for record in caplog.records] == [
        "the database is away (OperationalError); going on without it",
        "the database is back",
        "the database is away (full); going on without it",
    ]


@pytest.fixture
def unmounted(gallery: Gallery) -> Iterator[Path]:
    """The folder of originals where it ought to be, on a disk that is not there."""
    upload(gallery)
    originals = Path(settings.MEDIA_ROOT) / "originals"
    away = originals.rename(originals.with_name("unmounted"))
    yield originals
    away.rename(originals)


def test_it_puts_no_picture_where_a_disk_that_is_not_mounted_would_cover_it(client: Client, unmounted: Path) -> None:
    response = client.post("/upload/", {"image": SimpleUploadedFile("a.jpg", picture())})
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert not unmounted.exists()
    with pytest.raises(StorageAway):
        health.check_storage()
