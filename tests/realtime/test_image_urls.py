"""`/image/<signed_data>/`: the file for whoever holds its URL, and the right refusal for everybody else."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async

from imgs import files, removal, signing
from imgs.clock import clock
from imgs.models import Gallery, UploadedImage
from project.asgi import application
from realtime import delivery
from tests.factories import picture, upload, work_off

ORIGINAL = picture(1600, 1200, "PNG")


@pytest.fixture
async def image(gallery: Gallery, tmp_path: Path) -> UploadedImage:
    await sync_to_async(upload)(gallery, ORIGINAL, "Pantai “Kuta”.png")
    ready = await sync_to_async(work_off)()
    assert ready is not None
    return ready


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def test_it_hands_out_the_original_as_received(client: httpx.AsyncClient, image: UploadedImage) -> None:
    response = await client.get(str(image.original_url))
    assert (response.status_code, response.content) == (200, ORIGINAL)
    assert response.headers["content-type"] == "image/png"
    assert response.headers["content-length"] == str(image.original_size)
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["etag"]


async def test_it_hands_out_the_small_version(client: httpx.AsyncClient, image: UploadedImage) -> None:
    response = await client.get(str(image.compressed_url))
    assert (response.headers["content-type"], len(response.content)) == ("image/jpeg", image.compressed_size)


async def test_it_may_be_cached_by_its_viewer_for_as_long_as_the_url_works(
    client: httpx.AsyncClient, image: UploadedImage
) -> None:
    left = int(signing.urls_expire_at().timestamp() - time.time())
    control = (await client.get(str(image.compressed_url))).headers["cache-control"]
    private, max_age, immutable = control.split(", ")
    assert (private, immutable) == ("private", "immutable")
    assert abs(int(max_age.removeprefix("max-age=")) - left) <= 1


async def test_it_answers_head_with_the_headers_alone(client: httpx.AsyncClient, image: UploadedImage) -> None:
    response = await client.head(str(image.original_url))
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == str(image.original_size)


@pytest.mark.parametrize("asked", ["bytes=0-9", "bytes=999999999-"])
async def test_it_answers_head_for_the_whole_file_whatever_range_is_asked_for(
    client: httpx.AsyncClient, image: UploadedImage, asked: str
) -> None:
    response = await client.head(str(image.original_url), headers={"Range": asked})
    assert (response.status_code, response.headers["content-length"]) == (200, str(image.original_size))
    assert "content-range" not in response.headers


@pytest.mark.parametrize("variant", ["original", "compressed"])
@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-9", 0, 9), ("bytes=5-", 5, None), ("bytes=-7", -7, None), ("bytes=3-999999", 3, None)],
)
async def test_it_answers_a_range(
    client: httpx.AsyncClient, image: UploadedImage, variant: str, asked: str, first: int, last: int | None
) -> None:
    url = str(image.original_url if variant == "original" else image.compressed_url)
    whole = (await client.get(url)).content
    response = await client.get(url, headers={"Range": asked})
    expected = whole[first:] if last is None else whole[first : last + 1]
    assert (response.status_code, response.content) == (206, expected)
    start = first if first >= 0 else len(whole) + first
    assert response.headers["content-range"] == f"bytes {start}-{start + len(expected) - 1}/{len(whole)}"


async def test_it_answers_416_for_a_range_outside(client: httpx.AsyncClient, image: UploadedImage) -> None:
    response = await client.get(str(image.compressed_url), headers={"Range": "bytes=999999-"})
    assert (response.status_code, response.headers["content-range"]) == (416, f"bytes */{image.compressed_size}")


@pytest.mark.parametrize("asked", ["bytes=9-5", "lines=1-2", "bytes=0-1,4-5", "bytes=-", "bytes=" + 5000 * "1" + "-"])
async def test_it_answers_whole_what_is_no_single_range(
    client: httpx.AsyncClient, image: UploadedImage, asked: str
) -> None:
    assert (await client.get(str(image.compressed_url), headers={"Range": asked})).status_code == 200


async def test_it_answers_304_to_the_same_etag(client: httpx.AsyncClient, image: UploadedImage) -> None:
    etag = (await client.get(str(image.compressed_url))).headers["etag"]
    response = await client.get(str(image.compressed_url), headers={"If-None-Match": etag})
    assert (response.status_code, response.content) == (304, b"")


async def test_it_answers_facts_as_json(client: httpx.AsyncClient, image: UploadedImage) -> None:
    facts = (await client.get(str(image.original_url), headers={"Accept": "application/json"})).json()
    assert facts == {
        "url": image.original_url,
        "content_type": "image/png",
        "size": image.original_size,
        "width": 1600,
        "height": 1200,
        "expires_at": signing.urls_expire_at().isoformat().replace("+00:00", "Z"),
    }


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("Application/JSON", "application/json"),
        ("text/html, application/json;q=0.5", "application/json"),
        ("image/*,*/*", "image/jpeg"),
        ("application/*", "image/jpeg"),
        ("image/*, application/json;q=0", "image/jpeg"),
        ("application/json; q=0.000, */*", "image/jpeg"),
        ("application/json-seq", "image/jpeg"),
        ("image/x-application/json", "image/jpeg"),
        ("application/json;q*=none''%ff", "application/json"),
        (",;=,/", "image/jpeg"),
        ("", "image/jpeg"),
    ],
)
async def test_it_answers_facts_to_whoever_names_json_alone(
    client: httpx.AsyncClient, image: UploadedImage, accept: str, kind: str
) -> None:
    response = await client.get(str(image.compressed_url), headers={"Accept": accept})
    assert (response.status_code, response.headers["content-type"]) == (200, kind)


async def refusal(client: httpx.AsyncClient, url: str) -> tuple[int, str]:
    response = await client.get(url)
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()["code"]


async def test_it_refuses_a_forged_url_with_403(client: httpx.AsyncClient, image: UploadedImage) -> None:
    forged = str(image.original_url).replace("original", "compressed")
    assert await refusal(client, forged) == (403, "forged_url")


async def test_it_refuses_a_url_that_has_run_out_with_410(
    client: httpx.AsyncClient, image: UploadedImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, now = str(image.original_url), time.time()
    monkeypatch.setattr(clock, "now", lambda: now + 3601)
    assert await refusal(client, url) == (410, "expired_url")


async def test_it_refuses_a_url_from_the_future_with_403(
    client: httpx.AsyncClient, image: UploadedImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, now = str(image.original_url), time.time()
    monkeypatch.setattr(clock, "now", lambda: now - 3600)
    assert await refusal(client, url) == (403, "forged_url")


@pytest.mark.parametrize("wrong", [-7200, 7200])
async def test_it_asks_the_database_for_the_time_before_it_refuses_anything(
    client: httpx.AsyncClient, image: UploadedImage, monkeypatch: pytest.MonkeyPatch, wrong: float
) -> None:
    real = time.time
    url = str(image.original_url)
    monkeypatch.setattr(clock, "_measured", None)  # as in a process that just started
    monkeypatch.setattr(time, "time", lambda: real() + wrong)
    response = await client.get(url)
    assert response.status_code == 200
    assert 3000 < int(response.headers["cache-control"].split("max-age=")[1].split(",")[0]) <= 3600


async def test_it_answers_404_at_once_when_the_image_was_removed(
    client: httpx.AsyncClient, image: UploadedImage
) -> None:
    url = str(image.original_url)
    assert (await client.get(url)).status_code == 200
    await sync_to_async(removal.remove)(image)
    assert await refusal(client, url) == (404, "not_found")


@pytest.mark.parametrize(
    ("error", "expected"), [(FileNotFoundError, (404, "not_found")), (PermissionError, (503, "unavailable"))]
)
@pytest.mark.parametrize("inline", [True, False])
async def test_it_refuses_a_file_that_can_not_be_opened(
    client: httpx.AsyncClient,
    image: UploadedImage,
    monkeypatch: pytest.MonkeyPatch,
    error: type[OSError],
    expected: tuple[int, str],
    inline: bool,
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(files, "INLINE_MAX_BYTES", 1 << 30 if inline else 0)
    monkeypatch.setattr(files.Path, "read_bytes", fail)
    monkeypatch.setattr(delivery, "open", fail, raising=False)
    assert await refusal(client, str(image.original_url)) == expected


@pytest.mark.usefixtures("gallery")
async def test_it_speaks_the_language_of_the_person(client: httpx.AsyncClient) -> None:
    answers = [
        (await client.get("/image/x/", headers={"Accept-Language": language})).json() for language in ("id", "en")
    ]
    assert answers[1]["detail"] == "This address is not valid."
    assert answers[0]["detail"] != answers[1]["detail"]


async def test_it_refuses_other_methods(client: httpx.AsyncClient, image: UploadedImage) -> None:
    assert (await client.post(str(image.original_url))).status_code == 405


async def test_it_shares_one_look_into_the_database_among_all_who_ask_at_once(
    client: httpx.AsyncClient, image: UploadedImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    looks: list[Any] = []
    find = files.find
    monkeypatch.setattr(files, "find", lambda capability: looks.append(capability) or find(capability))
    answers = await asyncio.gather(*[client.get(str(image.compressed_url)) for _ in range(50)])
    assert {answer.status_code for answer in answers} == {200}
    assert len(looks) < 10


async def test_it_leaves_large_files_to_nginx_when_told_so(
    client: httpx.AsyncClient, image: UploadedImage, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ACCEL_REDIRECT = True
    monkeypatch.setattr(files, "INLINE_MAX_BYTES", 0)
    response = await client.get(str(image.original_url))
    assert response.headers["x-accel-redirect"] == f"/protected/{image.original.name}"
    assert (response.status_code, response.content) == (200, b"")
