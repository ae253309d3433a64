"""An upload that is broken off half-way leaves neither row nor file, nor what held its first half."""

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.browser.gallery_server import GalleryServer
from tests.factories import picture
from tests.stack.fleet import until

IMAGES = "/api/v1/galleries/main/images"
PART = b'--b\r\nContent-Disposition: form-data; name="image"; filename="half.jpg"\r\n\r\n'
BODY = PART + picture() + bytes(1_000_000) + b"\r\n--b--\r\n"
HEAD = (
    f"POST {IMAGES} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    "Content-Type: multipart/form-data; boundary=b\r\n"
)
FORGET_AT_ONCE = struct.pack("ii", 1, 0)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GalleryServer]:
    with GalleryServer(tmp_path_factory.mktemp("broken")) as server:
        server.start()
        yield server


def begin_upload(server: GalleryServer, length: int) -> socket.socket:
    """A connection over which half of an upload has come, of so many bytes as it says."""
    client = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    client.sendall(f"{HEAD}Content-Length: {length}\r\n\r\n".encode() + BODY[: len(BODY) // 2])
    return client


def open_bodies(server: GalleryServer) -> list[str]:
    """The files that hold bodies while they arrive: they have no name, but their folder is known."""
    found = []
    for link in Path(f"/proc/{server.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since it was listed
            found.append(os.readlink(link))
    return [path for path in found if path.startswith(f"{media(server) / 'tmp'}/")]


def media(server: GalleryServer) -> Path:
    return server.data_dir / "media"


def assert_nothing_is_left(server: GalleryServer) -> None:
    assert httpx.get(server.url + IMAGES).json()["images"] == []
    files = [path.name for path in media(server).rglob("*") if path.is_file()]
    assert [name for name in files if not name.startswith("dinding-worker-")] == []


@pytest.mark.parametrize("farewell", ["with a word", "without a word"])
def test_it_leaves_nothing_when_the_connection_ends(server: GalleryServer, farewell: str) -> None:
    client = begin_upload(server, len(BODY))
    until(lambda: open_bodies(server))
    if farewell == "without a word":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, FORGET_AT_ONCE)
    client.close()
    until(lambda: not open_bodies(server))
    assert_nothing_is_left(server)


def test_it_leaves_nothing_when_the_form_ends(server: GalleryServer) -> None:
    with begin_upload(server, len(BODY) // 2) as client:
        answer = client.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"code": "missing_file"' in answer
    until(lambda: not open_bodies(server))
    assert_nothing_is_left(server)
