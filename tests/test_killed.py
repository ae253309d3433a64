"""Whenever the program is killed, every upload that it answered for is there, whole, and ends."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.browser.gallery_server import GalleryServer, post
from tests.factories import picture
from tests.stack.fleet import until

KILLS = 3


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GalleryServer]:
    with GalleryServer(tmp_path) as server:
        server.start()
        yield server


def send_until_it_dies(server: GalleryServer, accepted: list[str], enough: threading.Event) -> None:
    """Upload one picture after the other; `enough` is set when some were accepted."""
    with suppress(httpx.TransportError), httpx.Client(base_url=server.url, headers={"Referer": server.url}) as visitor:
        visitor.get("/")
        for number in range(1000):
            answer = post(visitor, "/upload/", {}, {"image": ("photo.jpg", picture(800, 600 + number % 50))})
            assert answer.status_code == 202
            accepted.append(answer.json()["image"]["id"])
            if number > 5:
                enough.set()


def statuses(server: GalleryServer) -> dict[str, str]:
    found, before = {}, ""
    while True:
        page = httpx.get(f"{server.url}/api/v1/galleries/main/images?limit=200{before}", timeout=20).json()
        found.update({card["id"]: card["status"] for card in page["images"]})
        if page["next"] is None:
            return found
        before = f"&before={page['next']}"


@pytest.mark.timeout(240)
def test_it_keeps_every_upload_it_answered_for(server: GalleryServer) -> None:
    accepted: list[str] = []
    for _kill in range(KILLS):
        enough = threading.Event()
        senders = [threading.Thread(target=send_until_it_dies, args=(server, accepted, enough)) for _ in range(2)]
        for sender in senders:
            sender.start()
        assert enough.wait(60)
        server.kill()
        for sender in senders:
            sender.join()
        audited = server.manage("audit", "--fix", "--older-than", "0")  # nothing runs, so no file is young
        assert audited.returncode == 0
        problems = audited.stdout.splitlines()[:-1]
        assert not [line for line in problems if "missing" in line or "instead of" in line]
        assert server.manage("audit", "--older-than", "0").stdout.endswith(
            "0 young files without an image left alone\n"
        )
        server.start()
    until(lambda: set(statuses(server).values()) == {"ready"}, 60)
    assert set(accepted) <= set(statuses(server))
    assert server.manage("audit").returncode == 0
