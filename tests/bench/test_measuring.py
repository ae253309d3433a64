"""What the benchmarks measure with: the load client, percentiles, tables, the page with the numbers."""

import io
import json
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from websockets.sync.server import ServerConnection, serve

from bench import document, pictures
from bench.clients import SOCKET_IO, Audience, event_labels, labels, split
from bench.peers import socket_io
from bench.tables import Section, percentile, target
from bench.tables import table as lines_of

READY = {"id": "a", "status": "ready", "compressed_data": "data:"}


def frame(payload: bytes, opcode: int = 1) -> bytes:
    size = len(payload)
    head = struct.pack("!BB", 0x80 | opcode, size) if size < 126 else struct.pack("!BBH", 0x80 | opcode, 126, size)
    return head + payload


@pytest.mark.parametrize("cut", [0, 1, 3, 5, 150, 205])
def test_frames_are_whole_however_the_bytes_were_cut(cut: int) -> None:
    data = frame(b"one") + frame(b"x" * 200) + frame(b"", 9)
    first, rest = split(data[:cut])
    second, left = split(rest + data[cut:])
    assert [*first, *second] == [(1, b"one"), (1, b"x" * 200), (9, b"")]
    assert left == b""


def test_a_ready_card_counts_only_with_its_pixels() -> None:
    bare = {key: value for key, value in READY.items() if key != "compressed_data"}
    queued = {"id": "b", "status": "queued"}
    assert labels(json.dumps({"type": "changes", "to": 7, "cards": [READY, queued]}).encode()) == [
        "number 7",
        "ready a",
        "queued b",
    ]
    assert labels(json.dumps({"type": "changes", "to": 8, "cards": [bare]}).encode()) == ["number 8"]


def test_the_change_that_brings_the_renditions_is_not_taken_for_the_small_version() -> None:
    later = {"id": "a", "status": "ready", "srcset": "/image/a/ 320w"}
    assert labels(json.dumps({"type": "changes", "to": 9, "cards": [later]}).encode()) == ["number 9", "renditions a"]
    unready = READY | {"srcset": None}
    assert labels(json.dumps({"type": "changes", "to": 7, "cards": [unready]}).encode()) == ["number 7", "ready a"]


def test_another_copy_of_a_picture_has_other_bytes_and_the_same_pixels() -> None:
    picture = pictures.jpeg(160, 120)
    copies = [pictures.another(picture) for _ in range(300)]
    assert len({*copies, picture}) == 301
    pixels = {Image.open(io.BytesIO(copy)).tobytes() for copy in copies}
    assert pixels == {Image.open(io.BytesIO(picture)).tobytes()}


@pytest.fixture
def server() -> Iterator[tuple[int, threading.Event]]:
    """A websocket server that greets, and tells all but its first client of number 1; the first hears it when asked."""
    go, connections = threading.Event(), iter(range(100))

    def handler(connection: ServerConnection) -> None:
        is_first = next(connections) == 0
        connection.send('{"type":"hello"}')
        assert connection.ping().wait(10), "no answer to a ping"
        if is_first:
            go.wait(10)
        connection.send('{"type":"changes","to":1}')
        connection.recv(timeout=None)

    with serve(handler, "127.0.0.1", 0) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running.socket.getsockname()[1], go
        running.shutdown()
        thread.join()


def test_something_has_arrived_when_the_last_socket_has_it(server: tuple[int, threading.Event]) -> None:
    port, go = server
    with Audience([port], 3) as audience:
        with pytest.raises(TimeoutError):
            audience.wait_for("number 1", 0.5)
        go.set()
        arrival = audience.wait_for("number 1", 10)
        assert arrival.last - arrival.first > 0.3


def test_a_client_of_socket_io_connects_answers_pings_and_counts_events() -> None:
    def handler(connection: ServerConnection) -> None:
        assert connection.request
        assert connection.request.path == "/socket.io/?EIO=4&transport=websocket"
        connection.send('0{"sid":"a","pingInterval":25000}')
        assert connection.recv(timeout=10) == "40"
        connection.send('40{"sid":"b"}')
        connection.send("2")
        assert connection.recv(timeout=10) == "3"
        connection.send('42["changes",{"type":"changes","to":1}]')
        connection.recv(timeout=None)

    with serve(handler, "127.0.0.1", 0) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        with Audience([running.socket.getsockname()[1]], 2, SOCKET_IO) as audience:
            audience.wait_for("number 1", 10)
        running.shutdown()
        thread.join()
    assert event_labels(b'0{"sid":"a"}') == event_labels(b"2") == []


def test_without_node_it_says_why_socket_io_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert socket_io.install() == "node and npm are not installed"


def test_percentiles_are_values_that_occurred() -> None:
    assert percentile([3, 1, 2], 50) == 2
    assert percentile(range(1, 101), 95) == 95
    assert percentile([7], 95) == 7


def test_a_target_is_met_at_its_limit() -> None:
    assert target(60, 60) == "met (<= 60)"
    assert target(60.1, 60).startswith("MISSED")


def test_a_table_lines_up_its_columns() -> None:
    lines = lines_of([{"server": "one", "cpu_us": 4.25}, {"server": "a longer one", "cpu_us": 123.4}])
    assert lines[0] == "server        cpu us"
    assert lines[2:] == ["one              4.2", "a longer one     123"]
    assert "Nothing" in Section("Nothing").text()


def test_numbers_replace_what_stood_between_the_marks() -> None:
    page = "before\n<!-- path -->\nold\n<!-- /path -->\nafter"
    benchmark = {
        "rows": [{"stack": "one", "p95": 1.0}],
        "notes": ["Note."],
        "measured_at": "2026-01-31T",
        "commit": "a",
    }
    once = document.between("path", document.section(benchmark), page)
    assert "| one | 1.0 |" in once
    assert "old" not in once
    assert once.startswith("before\n<!-- path -->")
    assert once.endswith("<!-- /path -->\nafter")
    assert document.between("path", document.section(benchmark), once) == once
