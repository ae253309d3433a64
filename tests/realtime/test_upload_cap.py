"""A body over the cap is refused while it arrives, under Daphne and under any other ASGI server."""

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from realtime import upload_cap
from realtime.upload_cap import DISCARD_BYTES, language_of
from tests.realtime.server_process import MAX_BODY_BYTES, ServerProcess, started

MEGABYTE = 1 << 20
HUGE = 200 * MEGABYTE
BLOCK = bytes(65536)


@pytest.fixture(scope="module", params=["daphne", "uvicorn"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with started(tmp_path_factory.mktemp("data"), "--discard-seconds", "1.5", server=request.param) as process:
        yield process


def connect(server: ServerProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def head(*headers: str, path: str = "/upload/") -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


def pour(client: socket.socket, size: int, *, chunked: bool = False) -> int:
    """Send a body until it is sent or the server cuts the connection. Returns how much was sent."""
    sent = 0
    try:
        while sent < size:
            block = BLOCK[: size - sent]
            client.sendall(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
            sent += len(block)
        if chunked:
            client.sendall(b"0\r\n\r\n")
    except OSError:
        pass
    return sent


def answer(client: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Read one answer: status, headers, body."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = client.recv(65536)
        assert piece, f"the connection ended after {received!r}"
        received += piece
    start, _, body = received.partition(b"\r\n\r\n")
    first, *lines = start.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    while len(body) < int(headers["content-length"]):
        body += client.recv(65536)
    return int(first.split()[1]), headers, body


def code_of(body: bytes) -> str:
    return str(json.loads(body)["code"])


def is_cut(client: socket.socket) -> bool:
    """Whether the server ends the connection before the timeout of the socket."""
    try:
        while client.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def test_it_refuses_a_declared_length_at_once(server: ServerProcess) -> None:
    with connect(server) as client:
        client.sendall(head(f"Content-Length: {MAX_BODY_BYTES + 1}"))
        status, headers, body = answer(client)
    assert status == 413
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    assert json.loads(body) == {
        "type": "about:blank",
        "title": "Request Entity Too Large",
        "status": 413,
        "code": "too_large",
        "detail": "The picture is too large; the limit is 5 MB.",
    }


def test_it_refuses_instead_of_saying_continue(server: ServerProcess) -> None:
    with connect(server) as client:
        client.sendall(head(f"Content-Length: {HUGE}", "Expect: 100-continue"))
        status, headers, body = answer(client)
        assert status == 413
        assert body + client.recv(1) == body[: int(headers["content-length"])]


@pytest.mark.parametrize(("size", "expected"), [(MAX_BODY_BYTES, 200), (MAX_BODY_BYTES + 1, 413)])
@pytest.mark.parametrize("chunked", [False, True])
def test_it_takes_a_body_up_to_the_cap(server: ServerProcess, size: int, expected: int, chunked: bool) -> None:
    with connect(server) as client:
        client.sendall(head("Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"))
        pour(client, size, chunked=chunked)
        status, _headers, body = answer(client)
    assert status == expected
    assert body == b"%d" % size if expected == 200 else code_of(body) == "too_large"


@pytest.mark.parametrize("header", [f"Content-Length: {HUGE}", "Transfer-Encoding: chunked", "Content-Length: 1000"])
def test_it_cuts_200_megabytes_and_holds_none_of_them(server: ServerProcess, header: str) -> None:
    before = server.memory_bytes()
    with connect(server) as client:
        client.sendall(head(header, path="/anything"))
        sent = pour(client, HUGE, chunked="chunked" in header)
        assert is_cut(client)
    assert sent < HUGE / 4
    assert server.peak_memory_bytes() - before < 20 * MEGABYTE
    with connect(server) as client:
        client.sendall(head("Content-Length: 3") + b"abc")
        assert answer(client)[2] == b"3"


def test_it_lets_a_client_that_sends_first_and_reads_later_see_the_answer(server: ServerProcess) -> None:
    with connect(server) as client:
        client.sendall(head(f"Content-Length: {DISCARD_BYTES - MEGABYTE}"))
        assert pour(client, DISCARD_BYTES - MEGABYTE) == DISCARD_BYTES - MEGABYTE
        assert answer(client)[0] == 413
        assert client.recv(1) == b""


def test_it_cuts_a_refused_client_that_goes_on_slowly(server: ServerProcess) -> None:
    with connect(server) as client:
        client.sendall(head(f"Content-Length: {HUGE}"))
        assert answer(client)[0] == 413
        client.sendall(b"a")
        client.settimeout(5)
        assert is_cut(client)


def test_it_never_shows_a_refused_request_to_the_application(server: ServerProcess) -> None:
    with connect(server) as client:
        client.sendall(head(f"Content-Length: {HUGE}", path="/refused"))
        assert answer(client)[0] == 413
    with connect(server) as client:
        client.sendall(head("Content-Length: 1", path="/taken") + b"a")
        assert answer(client)[0] == 200
    server.wait_for_line("called /taken")
    assert "called /refused" not in server.lines


def test_it_notes_a_refusal_in_one_line(server: ServerProcess) -> None:
    with connect(server) as client:
        client.sendall(head(f"Content-Length: {HUGE}", path="/noted%0a"))
        assert answer(client)[0] == 413
    with connect(server) as client:
        client.sendall(head("Content-Length: 1", path="/after-the-note") + b"a")
        answer(client)
    server.wait_for_line("called /after-the-note")
    lines = [line for line in server.lines if "noted" in line and "realtime.upload_cap" in line]
    assert len(lines) == 1
    assert "code='too_large'" in lines[0]


@pytest.mark.parametrize("name", ["daphne", "uvicorn"])
def test_it_refuses_what_the_disk_has_no_room_for(tmp_path: Path, name: str) -> None:
    with started(tmp_path, "--disk-reserve-bytes", str(1 << 60), server=name) as server:
        for header in (f"Content-Length: {MEGABYTE}", "Transfer-Encoding: chunked"):
            with connect(server) as client:
                client.sendall(head(header))
                status, _headers, body = answer(client)
            assert (status, code_of(body)) == (507, "storage_full")
        with connect(server) as client:
            client.sendall(head("Content-Length: 3") + b"abc")
            assert answer(client)[0] == 200


@pytest.mark.parametrize("missing", [1, MEGABYTE])
def test_it_refuses_a_body_that_fills_the_disk(tmp_path: Path, missing: int) -> None:
    with started(tmp_path, "--file-size-limit", str(MEGABYTE)) as server, connect(server) as client:
        client.sendall(head(f"Content-Length: {MEGABYTE + missing}"))
        pour(client, MEGABYTE + missing)
        status, _headers, body = answer(client)
        assert (status, code_of(body)) == (507, "storage_full")
        assert client.recv(1) == b""


@pytest.mark.parametrize(
    ("error", "expected"),
    [("ENOSPC", (507, "storage_full")), ("ENOENT", (503, "unavailable")), ("EMFILE", (503, "unavailable"))],
)
def test_it_refuses_a_body_that_it_can_not_begin_to_store(
    tmp_path: Path, error: str, expected: tuple[int, str]
) -> None:
    with started(tmp_path, "--broken-folder", error) as server, connect(server) as client:
        client.sendall(head(f"Content-Length: {MEGABYTE}"))
        status, _headers, body = answer(client)
        assert (status, code_of(body)) == expected
        server.stop()
    assert not [line for line in server.lines if "Traceback" in line]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], "en"),
        ([(b"accept-language", b"id-ID,id;q=0.9,en;q=0.8")], "id"),
        ([(b"accept-language", b"id"), (b"cookie", b"a=b; django_language=en")], "en"),
        ([(b"Accept-Language", b"\xff\xfe"), (b"Cookie", b"=;;\xff")], "en"),
    ],
)
def test_it_speaks_the_language_of_cookie_or_browser(headers: list[tuple[bytes, bytes]], expected: str) -> None:
    assert language_of(headers) == expected


async def test_it_asks_once_what_is_stored_for_all_bodies_that_begin_together(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STORAGE_LIMIT_BYTES = 10 * MEGABYTE
    asked: list[int] = []

    def stored_bytes() -> int:
        asked.append(1)
        return 9 * MEGABYTE

    monkeypatch.setattr(upload_cap, "stored_bytes", stored_bytes)
    sizes = [None] * 50 + [1000] * 50 + [3 * MEGABYTE] * 50
    over = await asyncio.gather(*[upload_cap.is_over_limit(size) for size in sizes])
    assert over == [False] * 100 + [True] * 50
    assert len(asked) == 1
