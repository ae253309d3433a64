"""Slow readers under `serve`: nobody waits for them, little is kept for them, and who does not read at all is cut."""

import json
import os
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.sync.client import ClientConnection, connect

from realtime.http_request import MAX_UNREAD_BYTES, unread_bytes
from tests.realtime.server_process import ServerProcess, started

PATH = "/ws/gallery/main/"
CUT = "cut a websocket that does not read"


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[ServerProcess]:
    """A gallery whose slow readers have half a minute, as ever."""
    with started(tmp_path, "--gallery") as server:
        yield server


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[ServerProcess]:
    """A gallery whose slow readers have half a second."""
    with started(tmp_path, "--gallery", "--unread-seconds", "0.5") as server:
        yield server


@contextmanager
def viewer(server: ServerProcess) -> Iterator[ClientConnection]:
    """A browser that has been greeted."""
    origin = f"http://127.0.0.1:{server.port}"
    with connect(f"ws://127.0.0.1:{server.port}{PATH}", origin=origin, compression=None, max_size=None) as websocket:
        assert json.loads(websocket.recv(timeout=10))["type"] == "hello"
        yield websocket


def silent_viewer(server: ServerProcess) -> socket.socket:
    """A viewer that has been greeted and reads nothing unless one reads from the socket."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    client.settimeout(20)
    client.connect(("127.0.0.1", server.port))
    lines = [f"GET {PATH} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", f"Origin: http://127.0.0.1:{server.port}"]
    lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    client.sendall("\r\n".join([*lines, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "", ""]).encode())
    greeting = b""
    while b"hello" not in greeting:
        greeting += client.recv(4096)
    return client


def post(server: ServerProcess, number: int, size: int) -> None:
    """Send all viewers a text that begins with `number`."""
    server.order(f"post {number} {size}")
    server.wait_for_line(f"posted {number}")


def state(server: ServerProcess) -> tuple[int, list[int]]:
    """How many viewers the hub has, and the bytes held for each socket that is not forgotten."""
    server.order("state")
    viewers, *held = map(int, server.wait_for_line("state ").split()[1:])
    return viewers, held


def cuts(server: ServerProcess, text: str = CUT) -> int:
    return sum(text in line for line in server.lines)


def until_cut(server: ServerProcess, count: int, text: str = CUT) -> None:
    """Wait until so many clients have been cut since the start."""
    while cuts(server, text) < count:
        server.wait_for_line(text)


def until_forgotten(server: ServerProcess, left: int) -> None:
    """Wait until the hub has only `left` viewers, and the server only as many sockets with nothing held for them."""
    deadline = time.monotonic() + 10
    while (found := state(server)) != (left, [0] * left):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)  # Daphne looks for what has ended once a second


def test_it_delays_nobody_for_twenty_who_do_not_read_and_cuts_them_at_a_megabyte(gallery: ServerProcess) -> None:
    before = gallery.memory_bytes()
    most = number = 0
    with ExitStack() as clients, viewer(gallery) as reader:
        for _ in range(20):
            clients.enter_context(silent_viewer(gallery))
        while state(gallery)[0] > 1:
            for _ in range(10):
                number += 1
                post(gallery, number, 20_000)
                assert reader.recv(timeout=5).split() == [str(number)]
            most = max(most, *state(gallery)[1])
        assert 20_000 * number < 2 * MAX_UNREAD_BYTES  # the kernel, too, keeps some of it
        until_forgotten(gallery, 1)
    assert cuts(gallery) == 20
    assert MAX_UNREAD_BYTES / 2 < most <= MAX_UNREAD_BYTES
    assert gallery.peak_memory_bytes() - before < 2 * 20 * MAX_UNREAD_BYTES


def test_it_cuts_twenty_who_do_not_read_in_time(hasty: ServerProcess) -> None:
    number = 0
    with ExitStack() as clients, viewer(hasty) as reader:
        for _ in range(20):
            clients.enter_context(silent_viewer(hasty))
        most = 0
        while not most:
            number += 1
            post(hasty, number, 20_000)
            assert reader.recv(timeout=5).split() == [str(number)]
            most = max(state(hasty)[1])
        for _ in range(10):  # the others' kernel buffers are as full as the first one's
            number += 1
            post(hasty, number, 20_000)
            assert reader.recv(timeout=5).split() == [str(number)]
        until_cut(hasty, 20)
        until_forgotten(hasty, 1)
        post(hasty, number + 1, 1)
        assert reader.recv(timeout=5).split() == [str(number + 1)]


def test_it_keeps_a_slow_reader_who_reads_on_though_a_ping_stays_unanswered(tmp_path: Path) -> None:
    options = ("--gallery", "--unread-seconds", "5", "--ping-seconds", "2")  # the first ping comes after 4 s
    with started(tmp_path, *options) as server, silent_viewer(server) as slow:
        number = 0
        behind = []
        enough = time.monotonic() + 7
        while time.monotonic() < enough or len(behind) <= 20:
            held = state(server)[1][0]
            if held < 200_000:
                number += 1
                post(server, number, 50_000)
            else:
                behind.append(held)
                assert slow.recv(50_000)
                time.sleep(0.01)
        assert cuts(server) == 0
        server.wait_for_line(CUT)


def test_it_cuts_a_client_that_pings_and_never_reads_the_pongs(gallery: ServerProcess) -> None:
    ping = struct.pack("!BBL", 0x89, 0x80 | 125, 0) + bytes(125)
    with silent_viewer(gallery) as client:
        with pytest.raises(ConnectionError):
            for _ in range(2000):
                client.sendall(100 * ping)
        gallery.wait_for_line(CUT)
        until_forgotten(gallery, 0)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for localhost that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    file.write_bytes(private + builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return file


def test_it_sends_over_tls_too_and_cuts_who_does_not_read_there(tmp_path: Path, certificate: Path) -> None:
    trust = ssl.create_default_context(cafile=os.fspath(certificate))
    # TLS 1.3 sends tickets after its handshake: this client's reading thread then waits in OpenSSL, and a write of the
    # other thread at that moment can be lost
    trust.maximum_version = ssl.TLSVersion.TLSv1_2
    with started(tmp_path, "--certificate", os.fspath(certificate)) as server:
        address = f"wss://localhost:{server.port}/"
        options = {"ssl": trust, "compression": None, "max_size": None}
        with connect(address, **options) as reader, connect(address, max_queue=1, **options) as silent:
            for size in (1, 63, 40_000, 400_000):
                reader.send(f"size {size}")
                assert reader.recv(timeout=10) == "é" * size
            for number in range(20):
                reader.send(str(number))
            assert [reader.recv(timeout=10) for _ in range(20)] == [str(number) for number in range(20)]
            silent.send("flood")
            server.wait_for_line(CUT)
            server.wait_for_line("disconnected")
            reader.send("still here")
            assert reader.recv(timeout=10) == "still here"


def test_it_takes_nothing_for_unread_where_the_transport_does_not_tell() -> None:
    assert unread_bytes(object()) == 0


def test_under_another_server_too_nobody_waits_for_who_does_not_read(tmp_path: Path) -> None:
    with started(tmp_path, "--gallery", "--slow-reader-seconds", "0.5", server="uvicorn") as server:
        number = 0
        with ExitStack() as clients, viewer(server) as reader:
            for _ in range(20):
                clients.enter_context(silent_viewer(server))
            for number in range(300):
                post(server, number, 20_000)
                assert reader.recv(timeout=5).split() == [str(number)]
            until_cut(server, 20, "cut a slow reader")
