"""A full disk refuses uploads, keeps what was accepted, lets people remove, and is over as soon as there is room."""

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from imgs import jobs
from imgs.disk import is_full
from imgs.models import Gallery, UploadedImage
from realtime.worker import CompressionWorker
from tests.browser.gallery_server import GalleryServer, LiveGallery, post
from tests.disks import SmallDisk, small_disk
from tests.factories import picture, upload
from tests.stack.fleet import until

MEDIA = Path(django_settings.MEDIA_ROOT)
TEMPORARY = Path(django_settings.FILE_UPLOAD_TEMP_DIR)
MEGABYTE = 1 << 20


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.name != "ballast")


def status_of(client: Client, content: bytes) -> tuple[int, str]:
    answer = client.post("/upload/", {"image": SimpleUploadedFile("photo.jpg", content)})
    return answer.status_code, answer.json().get("code", "")


@pytest.fixture
def originals(gallery: Gallery) -> Iterator[SmallDisk]:
    """A small disk for the originals alone."""
    with small_disk(MEDIA / "originals", "64k") as disk:
        yield disk


@pytest.mark.usefixtures("gallery")
def test_it_refuses_uploads_before_the_reserve_is_touched_and_takes_them_when_there_is_room(client: Client) -> None:
    with small_disk(MEDIA, "65m") as disk:
        TEMPORARY.mkdir()
        (disk.folder / "ballast").write_bytes(bytes(2 * MEGABYTE))
        assert status_of(client, picture()) == (507, "storage_full")
        assert (files_in(disk.folder), UploadedImage.objects.count()) == ([], 0)
        disk.free()
        assert status_of(client, picture()) == (202, "")


def test_it_leaves_neither_row_nor_file_when_storing_fills_the_disk(client: Client, originals: SmallDisk) -> None:
    content = picture() + bytes(100_000)
    assert status_of(client, content) == (507, "storage_full")
    assert (files_in(originals.folder), UploadedImage.objects.count()) == ([], 0)
    assert status_of(client, picture()) == (202, "")


def test_it_stores_whole_files_from_a_temporary_folder_on_another_disk(client: Client, originals: SmallDisk) -> None:
    content = picture() + bytes(40_000)
    assert status_of(client, content) == (202, "")
    image = UploadedImage.objects.get()
    assert Path(image.original.path).read_bytes() == content
    assert files_in(originals.folder) == [Path(image.original.name).name]
    assert files_in(TEMPORARY) == []


@pytest.mark.usefixtures("gallery")
def test_it_refuses_uploads_while_the_temporary_folder_is_full(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.raise_request_exception = False
    with small_disk(TEMPORARY, "64k") as disk:
        disk.fill()
        refused: list[Exception] = []  # with all it holds on to, as for the log
        monkeypatch.setattr("imgs.views.is_full", lambda error: refused.append(error) or is_full(error))
        for size in (100, 9_000, 70_000):
            assert status_of(client, picture() + bytes(size)) == (507, "storage_full")
        assert (files_in(disk.folder), UploadedImage.objects.count()) == ([], 0)
        assert refused
        disk.free()
        assert status_of(client, picture()) == (202, "")


@pytest.mark.parametrize("folder", [MEDIA / "compressed", TEMPORARY])
async def test_it_keeps_accepted_pictures_in_the_queue_until_the_disk_has_room_for_small_versions(
    gallery: Gallery, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    handed_back: list[UUID] = []
    hand_back = jobs.hand_back
    monkeypatch.setattr(jobs, "hand_back", lambda job: (handed_back.append(job.image), hand_back(job)))
    monkeypatch.setattr("realtime.workshop.AWAY_SECONDS", 0.1)
    caplog.set_level(logging.INFO)
    worker = CompressionWorker()
    with small_disk(folder, "64k") as disk:
        for color in ("teal", "navy", "olive"):
            await sync_to_async(upload)(gallery, picture(color=color))
        disk.fill()
        await worker.start()
        try:
            await until_so(lambda: max(Counter(handed_back).values(), default=0) > jobs.ATTEMPTS_MAX)
            assert {row.status async for row in UploadedImage.objects.all()} == {"queued"}
            assert "room on the disk is away (OSError); going on without it" in caplog.messages
            disk.free()
            async with asyncio.timeout(20):
                while await UploadedImage.objects.filter(status="queued").aexists():
                    await asyncio.sleep(0.02)
        finally:
            await worker.stop(1)
        assert {row.status async for row in UploadedImage.objects.all()} == {"ready"}
    assert [message for message in caplog.messages if "room on the disk" in message][1:] == ["room on the disk is back"]
    assert "an attempt failed" not in caplog.messages


async def until_so(condition: Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture(params=[("database", "12m"), ("data", "140m")])
def on_small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[GalleryServer, SmallDisk]]:
    """The real program with its database, or everything, on a small disk."""
    name, size = request.param
    with small_disk(tmp_path / name, size) as disk:
        database = f"sqlite:///{disk.folder}/dinding.sqlite3"
        with GalleryServer(tmp_path / "data", {"DATABASE_URL": database}) as server:
            server.start()
            server.add_staff()
            yield server, disk


def test_it_goes_through_a_full_disk_under_the_database_without_a_loss(
    on_small_disk: tuple[GalleryServer, SmallDisk], tmp_path: Path
) -> None:
    server, disk = on_small_disk
    with closing(server.staff()) as staff:
        shown = LiveGallery(server, staff)
        accepted = [shown.upload(picture(300 + number), f"photo{number}.jpg")["id"] for number in range(8)]
        disk.fill()
        while (answer := attempt(shown)).status_code == 202:
            accepted.append(answer.json()["image"]["id"])
        assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
        assert {card["id"] for card in shown.cards()} == set(accepted)
        assert len(files_in(tmp_path / "data" / "media" / "originals")) == len(accepted)

        for number in range(4):
            shown.remove(f"photo{number}.jpg")
        assert {card["id"] for card in shown.cards()} == set(accepted[4:])
        log_in(server)

        disk.free()
        newest = attempt(shown)
        assert newest.status_code == 202
        until(lambda: {card["status"] for card in shown.cards()} == {"ready"})
        assert {card["id"] for card in shown.cards()} == {*accepted[4:], newest.json()["image"]["id"]}
    assert "Traceback" not in server.log.read_text()


def test_it_starts_on_a_full_disk_so_that_somebody_can_tidy_up(
    on_small_disk: tuple[GalleryServer, SmallDisk],
) -> None:
    server, disk = on_small_disk
    with closing(server.staff()) as staff:
        shown = LiveGallery(server, staff)
        shown.upload(picture(), "photo.jpg")
        kept = shown.upload(picture(300), "other.jpg")["id"]
        until(lambda: {card["status"] for card in shown.cards()} == {"ready"})
        server.stop()
        disk.fill()
        server.start("/livez")
        shown.remove("photo.jpg")
        assert [card["id"] for card in shown.cards()] == [kept]
        disk.free()
        assert attempt(shown).status_code == 202


def log_in(server: GalleryServer) -> None:
    """Somebody can log in, too; the first attempt may find no room and make some."""
    try:
        server.staff().close()
    except RuntimeError:
        server.staff().close()


def attempt(shown: LiveGallery) -> httpx.Response:
    """Upload a picture that may be refused."""
    return post(shown.server.visitor, "/upload/", {"gallery": shown.slug}, {"image": ("more.jpg", picture(200))})


def test_a_body_that_the_limit_has_no_room_for_is_refused_while_it_arrives(tmp_path: Path) -> None:
    with GalleryServer(tmp_path / "data", {"STORAGE_LIMIT_BYTES": "150000"}) as server:
        server.start()
        server.add_staff()
        with closing(server.staff()) as staff:
            gallery = LiveGallery(server, staff)
            gallery.upload(picture() + bytes(90_000), "in the way.jpg")
            status, code = answer_to_half(server, 2 * MEGABYTE)
            assert (status, code) == (507, "storage_full")
            assert answer_to_chunks(gallery) == 202  # it may be small
            gallery.remove("in the way.jpg")
            assert gallery.upload(picture() + bytes(120_000))["status"] == "queued"


def answer_to_half(server: GalleryServer, size: int) -> tuple[int, str]:
    """Status and code of the answer to an upload of `size` bytes, of which only half are sent."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.putrequest("POST", "/upload/")
    connection.putheader("Content-Length", str(size))
    connection.endheaders(bytes(size // 2))
    with closing(connection), closing(connection.getresponse()) as response:
        return response.status, json.loads(response.read())["code"]


def answer_to_chunks(gallery: LiveGallery) -> int:
    """The status of the answer to a small picture that does not say how long it is, and takes its time."""
    part = b'--b\r\nContent-Disposition: form-data; name="image"; filename="small.jpg"\r\n\r\n'

    def body() -> Iterator[bytes]:
        yield part + picture()
        time.sleep(0.5)
        yield b"\r\n--b--\r\n"

    form = {"Content-Type": "multipart/form-data; boundary=b"}
    return httpx.post(gallery.images_url, content=body(), headers=form).status_code
