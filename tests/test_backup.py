"""A backup made while people upload brings a whole gallery back, and screens that know the old one load it afresh."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from imgs import backup, removal
from imgs.models import Gallery
from tests.browser.gallery_server import GalleryServer, post
from tests.factories import picture, upload, work_off
from tests.stack.fleet import until

CHANGING = {"original_url", "compressed_url", "srcset", "urls_expire_at"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GalleryServer]:
    """The running program, with staff."""
    with GalleryServer(tmp_path / "first") as server:
        server.start()
        server.add_staff()
        yield server


@pytest.fixture
def other(tmp_path: Path) -> Iterator[GalleryServer]:
    """Another installation, empty and not running."""
    with GalleryServer(tmp_path / "second") as server:
        yield server


def send(server: GalleryServer, content: bytes) -> str:
    """Upload to the gallery `main`; the id of the image."""
    if "csrftoken" not in server.visitor.cookies:
        server.visitor.get("/")
    answer = post(server.visitor, "/upload/", {}, {"image": ("photo.jpg", content)})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["image"]["id"])


def page(server: GalleryServer) -> dict[str, Any]:
    answer = httpx.get(f"{server.url}/api/v1/galleries/main/images?limit=200", timeout=20)
    return answer.raise_for_status().json()  # type: ignore[no-any-return]


def cards(server: GalleryServer) -> dict[str, dict[str, Any]]:
    return {card["id"]: card for card in page(server)["images"]}


def ready_cards(server: GalleryServer) -> dict[str, dict[str, Any]]:
    """Every card, as soon as all are ready."""
    until(lambda: {card["status"] for card in cards(server).values()} == {"ready"})
    return cards(server)


def lasting(card: dict[str, Any], *but: str) -> dict[str, Any]:
    return {name: value for name, value in card.items() if name not in CHANGING | set(but)}


def fetched(server: GalleryServer, card: dict[str, Any]) -> list[bytes]:
    urls = (card["original_url"], card["compressed_url"])
    return [httpx.get(server.url + url).raise_for_status().content for url in urls]


def watching(server: GalleryServer, **cursor: Any) -> ClientConnection:
    query = "&".join(f"{name}={value}" for name, value in cursor.items())
    url = f"{server.url.replace('http', 'ws')}/ws/gallery/main/?{query}"
    return connect(url, origin=Origin(server.url), proxy=None)


def received(socket: ClientConnection, kind: str) -> dict[str, Any]:
    while (message := json.loads(socket.recv(timeout=20)))["type"] != kind:
        pass
    return message  # type: ignore[no-any-return]


@pytest.mark.timeout(180)
def test_it_brings_back_cards_and_files_of_a_backup_made_while_people_upload(
    server: GalleryServer, other: GalleryServer, tmp_path: Path
) -> None:
    before = {send(server, picture(300 + number)) for number in range(10)}
    over = threading.Event()

    def go_on() -> None:
        number = 0
        while not over.is_set():
            send(server, picture(100 + number % 100))
            number += 1
            over.wait(0.03)

    uploading = threading.Thread(target=go_on)
    uploading.start()
    made = server.manage("backup", str(tmp_path / "copy"))
    over.set()
    uploading.join()
    assert made.returncode == 0, made.stderr
    assert not (tmp_path / "copy").stat().st_mode & 0o077
    truth, old = ready_cards(server), page(server)

    restored = other.manage("restore", str(tmp_path / "copy"))
    assert restored.returncode == 0, restored.stderr
    assert ", 0 of them repaired; 0 other files were there" in restored.stdout
    other.start()
    back = ready_cards(other)
    assert before <= set(back) < set(truth)
    for image, card in back.items():  # a picture that was still in the queue is ready under a later number
        assert lasting(card, "seq") == lasting(truth[image], "seq")
        assert fetched(other, card) == fetched(server, truth[image])
    other.staff().close()
    assert other.manage("audit").returncode == 0

    with watching(other, after=old["head"], epoch=old["epoch"]) as socket:
        hello = received(socket, "hello")
        assert hello["epoch"] != old["epoch"]
        assert received(socket, "reset")["epoch"] == hello["epoch"]


def test_it_brings_a_running_gallery_back_when_forced_to(server: GalleryServer, tmp_path: Path) -> None:
    kept, removed = (send(server, picture(color=color)) for color in ("teal", "navy"))
    truth = ready_cards(server)
    copy = str(tmp_path / "copy")
    assert server.manage("backup", copy).returncode == 0
    with closing(server.staff()) as staff:
        form = {"action": "remove", "_selected_action": removed, "index": "0"}
        post(staff, "/admin/imgs/uploadedimage/", form).raise_for_status()
    later = send(server, picture(color="olive"))
    assert set(ready_cards(server)) == {kept, later}

    refused = server.manage("restore", copy)
    assert (refused.returncode, "the gallery is in use" in refused.stderr) == (1, True)
    assert set(cards(server)) == {kept, later}

    with watching(server) as socket:
        epoch = received(socket, "hello")["epoch"]
        forced = server.manage("restore", copy, "--force")
        assert forced.returncode == 0, forced.stderr
        assert received(socket, "reset")["epoch"] not in {"", epoch}
    assert {image: lasting(card) for image, card in cards(server).items()} == {
        image: lasting(card) for image, card in truth.items()
    }
    assert [len(content) > 0 for card in cards(server).values() for content in fetched(server, card)] == [True] * 4
    assert re.search("[23] other files were there", forced.stdout)  # of the picture that came later
    assert send(server, picture(color="gold")) in ready_cards(server)


@pytest.mark.parametrize("half", [False, True])
def test_it_does_not_bring_back_what_is_removed_while_the_backup_is_made(
    gallery: Gallery, other: GalleryServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, half: bool
) -> None:
    """Right after the database was saved, or when one of its two files was kept already."""
    upload(gallery)
    removed = work_off()
    upload(gallery)
    kept = work_off()
    assert removed
    assert kept
    keep = backup._keep

    def remove_before(name: str, target: Path) -> bool:
        if name == (removed.compressed.name if half else removed.original.name):
            removal.remove(removed)
        return keep(name, target)

    monkeypatch.setattr(backup, "_keep", remove_before)
    backup.make(tmp_path / "copy")
    restored = other.manage("restore", str(tmp_path / "copy"))
    assert (restored.returncode, "1 images are back, 0 of them repaired" in restored.stdout) == (0, True)
    other.start()
    assert list(cards(other)) == [str(kept.pk)]
    assert len(list((other.data_dir / "media" / "originals").iterdir())) == 1


def test_it_says_of_what_is_not_in_the_backup_what_became_of_it(
    server: GalleryServer, other: GalleryServer, tmp_path: Path
) -> None:
    lost, again, whole = (send(server, picture(color=color)) for color in ("teal", "navy", "olive"))
    ready_cards(server)
    assert server.manage("backup", str(tmp_path / "copy")).returncode == 0
    (tmp_path / "copy" / "originals" / f"{lost}.jpg").unlink()
    next((tmp_path / "copy" / "compressed").glob(f"{again}*")).unlink()
    restored = other.manage("restore", str(tmp_path / "copy"))
    assert (restored.returncode, ", 2 of them repaired" in restored.stdout) == (0, True)
    other.start()
    until(lambda: cards(other)[again]["status"] == "ready")
    assert (cards(other)[lost]["status"], cards(other)[lost]["error"]) == ("failed", "original_missing")
    assert cards(other)[whole]["status"] == "ready"


def test_it_refuses_what_would_do_harm(server: GalleryServer, tmp_path: Path) -> None:
    def refusal(*words: str) -> str:
        done = server.manage(*words)
        assert done.returncode == 1
        return done.stderr

    copy = tmp_path / "copy"
    send(server, picture())
    ready_cards(server)
    assert server.manage("backup", str(copy)).returncode == 0
    server.stop()
    assert "is not empty; name a new folder" in refusal("backup", str(copy))
    assert "this gallery has pictures" in refusal("restore", str(copy))
    manifest = (copy / "manifest.json").read_text()
    (copy / "manifest.json").write_text(manifest.replace("0001_initial", "9999_later"))
    assert "made by a newer version" in refusal("restore", str(copy), "--force")
    (copy / "manifest.json").write_text(manifest.replace('"sqlite"', '"postgresql"'))
    assert "this backup is of postgresql" in refusal("restore", str(copy), "--force")
    (copy / "manifest.json").write_text(manifest[:40])
    assert "manifest.json can't be read" in refusal("restore", str(copy), "--force")
    (copy / "manifest.json").write_text(manifest.replace('"files"', '"pictures"'))
    assert "made by another version" in refusal("restore", str(copy), "--force")
    (copy / "manifest.json").unlink()
    assert "is no backup, or one that was not finished" in refusal("restore", str(copy), "--force")


def test_it_brings_back_files_that_a_gallery_in_use_deletes_meanwhile(
    gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(gallery)
    image = work_off()
    assert image is not None
    backup.make(tmp_path / "copy")
    load = backup.dump.load

    def load_late(*args: Any) -> None:
        removal.remove(image)
        load(*args)

    monkeypatch.setattr(backup.dump, "load", load_late)
    totals = backup.restore(tmp_path / "copy", print, force=True)
    assert (totals.repaired, Path(image.original.path).exists(), Path(image.compressed.path).exists()) == (
        0,
        True,
        True,
    )
    image.refresh_from_db()
    assert image.status == "ready"
