"""The same picture twice is one card to the one who sent it, and a marked one when somebody else does."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from imgs import intake, jobs, removal
from imgs.models import Gallery, UploadedImage
from tests.factories import picture, upload, uploaded_file, work_off


def send(client: Client, content: bytes, **fields: Any) -> Any:
    return client.post("/upload/", {"image": SimpleUploadedFile("photo.jpg", content), **fields}).json()


def originals() -> int:
    return len(list((Path(settings.MEDIA_ROOT) / "originals").glob("*")))


@pytest.mark.django_db
def test_it_answers_the_same_bytes_with_the_card_that_is_there(client: Client) -> None:
    content = picture()
    first = send(client, content)
    before = originals()
    again = send(client, content)
    assert (first.get("duplicate"), again["duplicate"], again["image"]["id"]) == (None, True, first["image"]["id"])
    assert (UploadedImage.objects.count(), originals()) == (1, before)
    ready = work_off()
    assert ready is not None
    assert send(client, content)["image"]["status"] == "ready"


@pytest.mark.django_db
def test_it_makes_another_card_of_the_same_bytes_with_other_options(client: Client) -> None:
    content = picture()
    cards = [send(client, content), send(client, content, width="640"), send(client, content, width="640")]
    assert [card.get("duplicate") for card in cards] == [None, None, True]
    assert UploadedImage.objects.count() == 2


@pytest.mark.django_db
def test_it_marks_the_same_bytes_of_somebody_else_for_staff_alone(client: Client) -> None:
    content = picture()
    send(client, content)
    theirs = send(Client(), content)
    assert (theirs.get("duplicate"), "is_duplicate" in theirs["image"]) == (None, False)
    marks = UploadedImage.objects.order_by("position").values_list("is_duplicate", flat=True)
    assert list(marks) == [False, True]


def test_it_takes_a_picture_again_that_was_removed_or_failed(gallery: Gallery) -> None:
    content = picture()
    removal.remove(upload(gallery, content))
    second = upload(gallery, content)
    job = jobs.claim()
    assert job is not None
    jobs.fail(job, "processing_failed")
    third = upload(gallery, content)
    assert UploadedImage.objects.count() == 3
    assert third.pk != second.pk


def test_it_knows_galleries_apart(gallery: Gallery) -> None:
    other = Gallery.objects.create(slug="pesta", title="Pesta")
    content = picture()
    assert upload(gallery, content).pk != upload(other, content).pk


@pytest.mark.django_db(transaction=True)
def test_it_makes_one_card_of_the_same_picture_sent_five_times_at_once(gallery: Gallery) -> None:
    content = picture()

    def accept(_number: int) -> intake.Accepted:
        file = uploaded_file(content)
        try:
            return intake.accept(file, gallery, "somebody")
        finally:
            file.close()
            connection.close()

    before = originals()
    with ThreadPoolExecutor(5) as visitors:
        accepted = list(visitors.map(accept, range(5)))
    assert len({answer.image.pk for answer in accepted}) == 1
    assert sorted(answer.was_there for answer in accepted) == [False, True, True, True, True]
    assert originals() == before + 1
