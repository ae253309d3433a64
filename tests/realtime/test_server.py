"""The server: connections that stay usable, websockets, and how it starts and stops."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State
from websockets.sync.client import ClientConnection, connect

from tests.realtime.server_process import ROOT, ServerProcess, started


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for all tests that leave it running."""
    with started(tmp_path_factory.mktemp("data")) as process:
        yield process


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with started(tmp_path) as process:
        yield process


def open_websocket(server: ServerProcess, **options: int) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{server.port}/", compression=None, **options)


def close_code(websocket: ClientConnection) -> int | None:
    """Read until the server closes; the code it gives."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            websocket.recv(timeout=10)
    return closed.value.rcvd.code if closed.value.rcvd else None


def handshake(header: str) -> bytes:
    """What opens a websocket, with one header of its own."""
    headers = {
        "Host": "localhost",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version": "13",
    }
    headers |= dict([header.split(": ", 1)])
    return "".join(
        ["GET / HTTP/1.1\r\n", *[f"{name}: {value}\r\n" for name, value in headers.items()], "\r\n"]
    ).encode()


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a management command to its end."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_answers_pipelined_requests_in_order(lasting: ServerProcess) -> None:
    bodies = [b"a" * size for size in (3, 200_000, 5)]
    with socket.create_connection(("127.0.0.1", lasting.port), timeout=10) as client:
        for body in bodies:
            client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        received = b""
        while received.count(b"HTTP/1.1 200") < 3 or not received.endswith(b"\r\n\r\n5"):
            received += client.recv(65536)
    assert [part.rpartition(b"\r\n\r\n")[2] for part in received.split(b"HTTP/1.1 200 OK")[1:]] == [
        b"3",
        b"200000",
        b"5",
    ]


def test_it_keeps_a_connection_open_after_an_upload(lasting: ServerProcess) -> None:
    client = http.client.HTTPConnection("127.0.0.1", lasting.port, timeout=10)
    client.request("POST", "/", b"a" * 1_000_000)
    assert client.getresponse().read() == b"1000000"
    connection = client.sock
    client.request("GET", "/")
    assert client.getresponse().read() == b"0"
    assert client.sock is connection
    client.close()


def test_it_names_every_status(lasting: ServerProcess) -> None:
    client = http.client.HTTPConnection("127.0.0.1", lasting.port, timeout=10)
    client.request("GET", "/odd")
    response = client.getresponse()
    assert (response.status, response.reason, response.read()) == (422, HTTPStatus(422).phrase, b"0")
    client.close()


def test_it_drops_a_response_that_fails_on_the_way_and_still_answers_for_others(lasting: ServerProcess) -> None:
    with socket.create_connection(("127.0.0.1", lasting.port), timeout=10) as broken:
        broken.sendall(b"GET /broken HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            while broken.recv(65536):
                pass
    for _ in range(2):
        failing = http.client.HTTPConnection("127.0.0.1", lasting.port, timeout=10)
        failing.request("GET", "/failing")
        assert failing.getresponse().status == 500
        failing.close()


def test_it_sends_a_large_answer_as_fast_as_it_is_read_and_cuts_who_does_not_read(tmp_path: Path) -> None:
    request = b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with started(tmp_path, "--unread-seconds", "0.5") as server:
        before = server.memory_bytes()
        address = ("127.0.0.1", server.port)
        with socket.create_connection(address) as silent, socket.create_connection(address, timeout=10) as reader:
            silent.sendall(40 * request)
            server.wait_for_line("cut a client that does not read")
            reader.sendall(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            received = 0
            while piece := reader.recv(1 << 20):
                received += len(piece)
        assert received > 40_000_000
        assert server.peak_memory_bytes() - before < 10_000_000


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Origin: http://[", 403),
        ("Origin: http://localhost:99999", 403),
        ("Sec-WebSocket-Version: 99", 400),
    ],
)
def test_it_refuses_a_handshake_without_a_trace_in_the_log(tmp_path: Path, header: str, status: int) -> None:
    with started(tmp_path) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            client.sendall(handshake(header))
            received = b""
            while piece := client.recv(65536):
                received += piece
        assert received.startswith(b"HTTP/1.1 %d " % status)
        assert server.stop() == 0
    assert not [line for line in server.lines if "Traceback" in line]


@pytest.mark.parametrize("size", [0, 1, 62, 63, 125, 126, 32767, 32768, 500_000])
def test_it_sends_websocket_texts_of_every_size(lasting: ServerProcess, size: int) -> None:
    with open_websocket(lasting) as websocket:
        websocket.send(f"size {size}")
        websocket.send("the end")
        assert websocket.recv(timeout=10) == ("é" * size or "the end")


def test_it_closes_a_websocket_whose_frame_is_too_large(lasting: ServerProcess) -> None:
    with open_websocket(lasting) as websocket:
        websocket.send("a" * 65_536)
        assert websocket.recv(timeout=10) == "a" * 65_536
        websocket.send("a" * 65_537)
        assert close_code(websocket) == 1009
    assert "code=1009" in lasting.wait_for_line("closed a websocket")


def test_it_closes_with_any_code_the_application_wants(lasting: ServerProcess) -> None:
    with open_websocket(lasting) as websocket:
        websocket.send("close 1008")
        assert close_code(websocket) == 1008


def test_it_cuts_a_websocket_that_does_not_read(lasting: ServerProcess) -> None:
    before = lasting.memory_bytes()
    with open_websocket(lasting, max_queue=1) as websocket, open_websocket(lasting) as other:
        websocket.send("flood")
        lasting.wait_for_line("cut a websocket")
        lasting.wait_for_line("disconnected")
        assert lasting.peak_memory_bytes() - before < 20_000_000
        other.send("still here")
        assert other.recv(timeout=10) == "still here"


@pytest.mark.parametrize(("size", "count"), [(1, 51), (63_000, 5)])
def test_it_closes_a_websocket_that_sends_faster_than_it_is_heard(
    lasting: ServerProcess, size: int, count: int
) -> None:
    with open_websocket(lasting) as websocket:
        websocket.send("deaf")
        lasting.wait_for_line("deaf")
        for _ in range(count - 1):
            websocket.send("a" * size)
        assert websocket.ping().wait(10)
        assert websocket.state is State.OPEN
        websocket.send("a" * size)
        assert close_code(websocket) == 1008


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_cleanly(server: ServerProcess, number: int) -> None:
    with open_websocket(server) as websocket:
        server.process.send_signal(number)
        assert close_code(websocket) == 1012
    assert server.wait() == 0
    assert "disconnected" in server.lines
    assert "stopped" in server.lines
    assert not [line for line in server.lines if "Traceback" in line]


def test_it_finishes_the_request_at_work_before_it_stops(server: ServerProcess) -> None:
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    client.request("POST", "/slow", b"abc")
    server.wait_for_line("called /slow")
    server.process.send_signal(signal.SIGTERM)
    assert client.getresponse().read() == b"3"
    client.close()
    assert server.wait() == 0


def test_it_finishes_an_upload_that_is_arriving_before_it_stops(server: ServerProcess) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(b"POST /late HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 100")
        server.process.send_signal(signal.SIGTERM)
        server.wait_for_line("stopped")
        with pytest.raises(subprocess.TimeoutExpired):
            server.process.wait(0.5)
        client.sendall(b"abc")
        received = b""
        while piece := client.recv(65536):
            received += piece
    assert received.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in received.lower()
    assert server.wait() == 0


def test_it_leaves_a_request_that_never_ends(tmp_path: Path) -> None:
    with started(tmp_path, "--stop-seconds", "0.3", "--watchdog-seconds", "1") as server:
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        client.request("GET", "/stuck")
        server.wait_for_line("called /stuck")
        assert server.stop() == 1
        client.close()
    assert [line for line in server.lines if "still busy" in line]


def test_it_ends_with_an_error_when_it_can_not_start(tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match=r"could not start[\s\S]*the worker has no legs"),
        started(tmp_path, "--fail"),
    ):
        pass


def test_it_says_which_port_is_taken_and_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = manage("serve", "--port", str(port), DATA_DIR=str(tmp_path))
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert f"port {port} is taken" in ended.stderr
    assert "make run" in ended.stderr


def test_it_says_that_the_data_folder_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = manage("serve", "--port", "0", DATA_DIR=str(tmp_path / "file" / "data"))
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert "DATA_DIR" in ended.stderr


def test_a_worker_alone_stops_cleanly(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "manage.py", "runworker", "compress"],
        cwd=ROOT,
        env={**os.environ, "DATA_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as worker:
        assert worker.stdout
        while "ready to compress" not in (line := worker.stdout.readline()):
            assert line
        worker.send_signal(signal.SIGTERM)
        rest = worker.stdout.read()
    assert worker.returncode == 0
    assert "Traceback" not in rest


def test_a_gallery_opens_with_one_command_and_again_without_preparing(tmp_path: Path) -> None:
    manifest = tmp_path / "static" / "staticfiles.json"
    collected = set()
    for _ in range(2):
        with subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--port", "0"],
            cwd=ROOT,
            env={**os.environ, "DATA_DIR": str(tmp_path), "LANGUAGE_CODE": "en"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as gallery:
            timer = threading.Timer(90, gallery.kill)
            timer.start()
            assert gallery.stdout
            line = gallery.stdout.readline()
            assert line.startswith("The gallery is open: http://127.0.0.1:")
            client = http.client.HTTPConnection(
                "127.0.0.1", int(line.rpartition(":")[2].strip().strip("/")), timeout=10
            )
            client.request("GET", "/livez")
            assert client.getresponse().status == 200
            client.close()
            collected.add(manifest.stat().st_mtime_ns)
            gallery.send_signal(signal.SIGINT)
            rest = gallery.stdout.read()
            timer.cancel()
        assert gallery.returncode == 0
        assert rest.endswith("/wall/\n")
    assert len(collected) == 1
