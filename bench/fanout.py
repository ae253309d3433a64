"""What it costs a server to deliver one message to one of many sockets, and when the last of them has it."""

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import servers
from bench.clients import GALLERY, SOCKET_IO, Audience, Dialect
from bench.peers import socket_io
from bench.servers import Server
from bench.tables import Row, Section, percentile, target

SPACING_SECONDS = 0.1  # the hub sends at most two frames in 100 ms; more would be merged and look too cheap
MESSAGE_BYTES = 900


@dataclass(frozen=True)
class Case:
    """One way to serve, with the most microseconds that a delivery may take (0: a peer, without a limit)."""

    name: str
    command: Callable[[int], list[str]]
    limit: int = 0
    dialect: Dialect = GALLERY


HUB, GROUP = "bench.peers.hub_app", "bench.peers.group_consumer"
CASES = (
    Case("serve (Daphne): hub", lambda port: [sys.executable, "-m", HUB, str(port)], 25),
    Case("uvicorn: hub", servers.uvicorn(f"{HUB}:application"), 24),
    Case("Daphne: a consumer per socket in a group", servers.daphne(f"{GROUP}:application")),
    Case("uvicorn: a consumer per socket in a group", servers.uvicorn(f"{GROUP}:application")),
)
NODE = Case(f"Node: Socket.IO {socket_io.VERSION}, a room", socket_io.command(MESSAGE_BYTES), dialect=SOCKET_IO)


def run(quick: bool) -> Section:
    """Measure all cases."""
    sockets, messages = 1000, 9 if quick else 45
    missing = socket_io.install()
    cases = CASES if missing else (*CASES[:2], NODE, *CASES[2:])
    section = Section(f"Fan-out: server CPU for each delivery to {sockets} sockets")
    with tempfile.TemporaryDirectory(prefix="dinding-bench-") as folder:
        servers.migrate(Path(folder))
        section.rows = [
            measure(case, Path(folder), sockets, messages // 3 if case in CASES[2:] else messages) for case in cases
        ]
    section.notes = [
        f"{messages} messages to hubs and to the room, {messages // 3} to groups, of about {MESSAGE_BYTES} bytes, one "
        f"every {SPACING_SECONDS:g} s at most. CPU is user and system time of the whole server process, less what it "
        "uses when idle, less what the same messages take with a single socket (making: transaction, card, notice).",
        "Latency: from the notice to the last socket. The client process runs on the same cores.",
    ]
    if missing:
        section.notes.append(f"Without Socket.IO: {missing}.")
    return section


def measure(case: Case, folder: Path, sockets: int, messages: int) -> Row:
    """The row of one case."""
    environment = {"MESSAGE_BYTES": str(MESSAGE_BYTES), "HEARTBEAT_SECONDS": "3600"}
    with servers.running(case.command, folder, **environment) as server:
        with Audience([server.port], 1, case.dialect) as one:
            making, _ = cpu_and_latencies(server, one, messages)
        with Audience([server.port], sockets, case.dialect) as audience:
            idle = idle_share(server)
            client = audience.cpu_seconds()
            used, latencies = cpu_and_latencies(server, audience, messages, idle)
            client = audience.cpu_seconds() - client
    microseconds = 1e6 * (used - making) / (messages * sockets)
    return {
        "server": case.name,
        "cpu_us": round(microseconds, 1),
        "target": target(microseconds, case.limit) if case.limit else "-",
        "last_p50_ms": round(1000 * percentile(latencies, 50), 1),
        "last_p95_ms": round(1000 * percentile(latencies, 95), 1),
        "client_cpu_us": round(1e6 * client / (messages * sockets), 1),
        "making_ms": round(1000 * making / messages, 1),
        "idle_percent": round(100 * idle, 1),
    }


def cpu_and_latencies(server: Server, audience: Audience, messages: int, idle: float = 0) -> tuple[float, list[float]]:
    """What `messages` messages take: the server's CPU seconds beyond its `idle` share, and each one's latency."""
    broadcast(server, audience)  # the first one is slower
    before, began = server.cpu_seconds(), time.monotonic()
    latencies = [broadcast(server, audience) for _ in range(messages)]
    return server.cpu_seconds() - before - idle * (time.monotonic() - began), latencies


def broadcast(server: Server, audience: Audience) -> float:
    """Have the server send one message to all; the seconds until the last socket has it."""
    assert server.process.stdin
    assert server.process.stdout
    began = time.monotonic()
    server.process.stdin.write("go\n")
    server.process.stdin.flush()
    number, sent = server.process.stdout.readline().split()
    latency = audience.wait_for(f"number {number}").last - float(sent)
    time.sleep(max(0, SPACING_SECONDS - (time.monotonic() - began)))
    return latency


def idle_share(server: Server, seconds: float = 2) -> float:
    """The part of one core that the server uses while nothing is sent."""
    before = server.cpu_seconds()
    time.sleep(seconds)
    return (server.cpu_seconds() - before) / seconds
