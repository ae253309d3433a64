"""A thousand websockets in one process that costs little itself: who got which message, and when.

The process reads with epoll and takes frames apart by hand; a library would cost more than the server under test.
"""

import base64
import gc
import json
import os
import select
import socket
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Self

from bench.servers import cpu_seconds

HELLO = "hello"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
CONNECT_SECONDS = 60
READ_BYTES = 16 * 1024


@dataclass(frozen=True)
class Arrival:
    """When the first and the last of all sockets got something, by the monotonic clock that all processes share."""

    first: float
    last: float


@dataclass(frozen=True)
class Dialect:
    """What clients and server say to each other in the texts of a websocket."""

    path: str
    labels: Callable[[bytes], list[str]]  # what a text brings
    opening: bytes = b""  # the first text of a client
    answers: Mapping[bytes, bytes] = field(default_factory=dict)  # to texts of the server, such as its pings


class Audience:
    """`count` websockets spread over `ports`, held by a process of their own. Use as a context manager."""

    def __init__(self, ports: Sequence[int], count: int, dialect: Dialect | None = None) -> None:
        context = get_context("spawn")
        self._pipe, self._far_end = context.Pipe()
        arguments = (self._far_end, list(ports), count, dialect or GALLERY)
        self._process = context.Process(target=_watch, args=arguments, daemon=True)
        self._arrivals: dict[str, Arrival] = {}

    def __enter__(self) -> Self:
        self._process.start()
        self._far_end.close()
        self.wait_for(HELLO, CONNECT_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()

    def wait_for(self, label: str, seconds: float = 15) -> Arrival:
        """When every socket had got what `label` names (see `labels`). Raises TimeoutError when some don't get it."""
        deadline = time.monotonic() + seconds
        while label not in self._arrivals:
            if not self._pipe.poll(max(0, deadline - time.monotonic())):
                raise TimeoutError(f"not all sockets got {label!r} within {seconds} s")
            try:
                arrived, first, last = self._pipe.recv()
            except EOFError:
                raise ConnectionError("the server closed a socket") from None
            self._arrivals[arrived] = Arrival(first, last)
        return self._arrivals.pop(label)

    def cpu_seconds(self) -> float:
        """The processor time that holding and reading the sockets has taken up to now."""
        return cpu_seconds(self._process.pid or 0)


def labels(text: bytes) -> list[str]:
    """What a message brings: its number, and each image with its state. `ready` only with its pixels; the later change
    that brings the larger sizes is called `renditions`.
    """
    return _labels(json.loads(text))


def event_labels(packet: bytes) -> list[str]:
    """The same for a packet of Socket.IO: 40 is the answer to a connect packet, 42 an event with its argument."""
    if packet.startswith(b"40"):
        return [HELLO]
    return _labels(json.loads(packet[2:])[1]) if packet.startswith(b"42") else []


def _labels(message: dict[str, Any]) -> list[str]:
    if message["type"] != "changes":
        return [message["type"]]
    states = (f"{state} {card['id']}" for card in message.get("cards", []) for state in _states(card))
    return [f"number {message['to']}", *states]


def _states(card: dict[str, Any]) -> list[str]:
    if card["status"] != "ready":
        return [card["status"]]
    return ["ready"] * ("compressed_data" in card) + ["renditions"] * bool(card.get("srcset"))


GALLERY = Dialect("/ws/gallery/main/", labels)
SOCKET_IO = Dialect("/socket.io/?EIO=4&transport=websocket", event_labels, b"40", {b"2": b"3"})


def split(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The whole frames at the beginning of `data` as (opcode, payload), and the rest. Servers do not mask."""
    found, start, length = [], 0, len(data)
    while length - start >= 2:
        size, begin = data[start + 1], start + 2
        if size > 125:
            kind = "!H" if size == 126 else "!Q"
            if length < begin + struct.calcsize(kind):
                break
            size = struct.unpack_from(kind, data, begin)[0]
            begin += struct.calcsize(kind)
        if length < begin + size:
            break
        found.append((data[start] & 0x0F, data[begin : begin + size]))
        start = begin + size
    return found, data[start:]


def masked(opcode: int, payload: bytes) -> bytes:
    """A short frame of a client; its mask is all zeros."""
    return struct.pack("!BBL", 0x80 | opcode, 0x80 | len(payload), 0) + payload


def connect(port: int, dialect: Dialect) -> tuple[socket.socket, bytes]:
    """An open websocket and what came with the answer to the handshake."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=CONNECT_SECONDS)
    host = f"127.0.0.1:{port}"
    lines = (
        f"GET {dialect.path} HTTP/1.1",
        f"Host: {host}",
        f"Origin: http://{host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
    )
    connection.sendall("\r\n".join((*lines, "", "")).encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        if not (piece := connection.recv(65536)):
            raise ConnectionError(f"no websocket: {answer!r}")
        answer += piece
    head, _, rest = answer.partition(b"\r\n\r\n")
    if b" 101 " not in head.split(b"\r\n")[0]:
        raise ConnectionError(f"no websocket: {head!r}")
    if dialect.opening:
        connection.sendall(masked(TEXT, dialect.opening))
    connection.setblocking(False)
    return connection, rest


@dataclass
class Watcher:
    """All sockets of this process. `report` is called with a label and the first and last time once all have it."""

    report: Any
    dialect: Dialect
    sockets: dict[int, socket.socket] = field(default_factory=dict)
    rests: dict[int, bytes] = field(default_factory=dict)
    known: dict[bytes, list[str]] = field(default_factory=dict)
    having: dict[str, set[int]] = field(default_factory=dict)
    began: dict[str, float] = field(default_factory=dict)

    def run(self, ports: list[int], count: int) -> None:
        """Connect, then read until this process is ended or the server closes a socket."""
        poll = select.epoll()
        for number in range(count):
            connection, rest = connect(ports[number % len(ports)], self.dialect)
            self.sockets[connection.fileno()] = connection
            self.rests[connection.fileno()] = rest
        for descriptor, rest in self.rests.items():
            poll.register(descriptor, select.EPOLLIN)
            self.rests[descriptor] = self._take(descriptor, rest)
        while True:
            for descriptor, _events in poll.poll():
                data = self.sockets[descriptor].recv(READ_BYTES)
                if not data:
                    return
                self.rests[descriptor] = self._take(descriptor, self.rests[descriptor] + data)

    def _take(self, descriptor: int, data: bytes) -> bytes:
        now = time.monotonic()
        frames, rest = split(data)
        for opcode, payload in frames:
            if opcode == TEXT:
                self._note(descriptor, payload, now)
            elif opcode == PING:
                self.sockets[descriptor].send(masked(PONG, payload))
            elif opcode == CLOSE:
                raise ConnectionError(f"the server closed a socket: {payload!r}")
        return rest

    def _note(self, descriptor: int, payload: bytes, now: float) -> None:
        brings = self.known.get(payload)
        if brings is None:
            brings = self.known[payload] = self.dialect.labels(payload)
        if not brings and payload in self.dialect.answers:
            self.sockets[descriptor].send(masked(TEXT, self.dialect.answers[payload]))
        for label in brings:
            having = self.having.get(label)
            if having is None:
                having = self.having[label] = set()
                self.began[label] = now
            having.add(descriptor)
            if len(having) == len(self.sockets):
                del self.having[label]
                self.report(label, self.began.pop(label), now)


def _watch(pipe: Connection, ports: list[int], count: int, dialect: Dialect) -> None:
    gc.disable()  # its pauses would look like the server's
    Watcher(lambda *arrival: pipe.send(arrival), dialect).run(ports, count)
