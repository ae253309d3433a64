"""From the last byte of an upload to its small version on every open websocket, on the embedded stack and the fleet."""

import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import compress, machine, pictures, servers
from bench.clients import Audience
from bench.tables import Row, Section, percentile, target
from bench.uploads import Uploader

LIMITS_MS = {50: 100, 1000: 200}
PAUSE_SECONDS = 0.1  # so that each picture meets an idle machine
LATE_SECONDS = 60  # for the renditions of all uploads that did not wait for them


@dataclass(frozen=True)
class Stack:
    """A running gallery: where the pictures are posted, where the sockets are."""

    name: str
    upload_port: int
    socket_ports: Sequence[int]


@dataclass(frozen=True)
class Times:
    """Seconds from the last byte of one upload to what came of it."""

    answered: float
    queued: float
    first: float
    last: float
    renditions: float
    busy_percent: float  # of the machine in the pause that followed: work of others, above all


def run(quick: bool) -> Section:
    """Measure every stack with 50 and 1,000 sockets."""
    uploads = 8 if quick else 50
    photo = pictures.jpeg(4000, 3000)
    size = f"{len(photo) / 1e6:.1f} MB"
    section = Section(f"The whole path: a 12-megapixel JPEG ({size}) uploaded, its small version on every websocket")
    section.notes = [
        f"Of it the JPEG decoder alone, at an eighth of the size, took {decoder_ms(photo):.0f} ms of CPU just before.",
        f"{uploads} uploads one after the other, {PAUSE_SECONDS:g} s after the last one's renditions. Milliseconds "
        "from the moment the last byte was handed to the system until: the 202 arrived; the last socket had the "
        "queued card; the first, the last socket had the ready card with the small version in it; the last socket "
        "had the card with the renditions.",
        f"Hurried: {uploads // 2} more uploads {PAUSE_SECONDS:g} s after the last one's small version, while "
        "renditions of those before are being made: until the last socket had the ready card.",
        "Busy: how much of the machine was in use in the pauses; when it is much, others disturbed the measurement.",
        "Through nginx: uploads and websockets. Direct: both to the web process.",
        "The clients run on the same cores, and each socket's client takes time before the next one's.",
    ]
    for stack in stacks():
        for sockets, limit in LIMITS_MS.items():
            section.rows.append(measure(stack, sockets, limit, photo, uploads))
    return section


def decoder_ms(photo: bytes) -> float:
    """What of the path depends on the machine alone."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(photo)
        file.flush()
        return compress.cpu_ms({"decoder": lambda: compress.decode(Path(file.name))}, 9)["decoder"]


def stacks() -> Iterator[Stack]:
    """Every stack, running until the next is asked for."""
    for start in (embedded, small_fleet, whole_fleet):
        with tempfile.TemporaryDirectory(prefix="dinding-bench-") as folder, start(Path(folder)) as stack:
            yield stack


@contextmanager
def embedded(folder: Path) -> Iterator[Stack]:
    """`make run`."""
    with servers.running(servers.serve, folder) as server:
        yield Stack("embedded, one process", server.port, [server.port])


@contextmanager
def small_fleet(folder: Path) -> Iterator[Stack]:
    """One web and one worker process on PostgreSQL and Redis."""
    with servers.fleet(folder, web=1, worker=1) as fleet:
        yield Stack("fleet, 1 web + 1 worker, direct", fleet.web_ports[0], fleet.web_ports)


@contextmanager
def whole_fleet(folder: Path) -> Iterator[Stack]:
    """The fleet as `make fleet` starts it."""
    with servers.fleet(folder, web=2, worker=2) as fleet:
        yield Stack("fleet, 2 web + 2 worker, through nginx", fleet.port, [fleet.port])


def measure(stack: Stack, sockets: int, limit: int, photo: bytes, uploads: int) -> Row:
    """The row of one stack and number of sockets."""
    with closing(Uploader(stack.upload_port)) as uploader, Audience(stack.socket_ports, sockets) as audience:
        upload(uploader, audience, photo)  # the first one is slower
        times = [upload(uploader, audience, photo) for _ in range(uploads)]
        hurried = hurry(uploader, audience, photo, uploads // 2)
    last = [1000 * one.last for one in times]
    return {
        "stack": stack.name,
        "sockets": sockets,
        "answered_p50": round(1000 * percentile([one.answered for one in times], 50), 1),
        "queued_p50": round(1000 * percentile([one.queued for one in times], 50), 1),
        "first_ready_p50": round(1000 * percentile([one.first for one in times], 50), 1),
        "last_ready_p50": round(percentile(last, 50), 1),
        "last_ready_p95": round(percentile(last, 95), 1),
        "renditions_p50": round(1000 * percentile([one.renditions for one in times], 50), 1),
        "hurried_p50": round(1000 * percentile(hurried, 50), 1),
        "hurried_p95": round(1000 * percentile(hurried, 95), 1),
        "busy_percent": round(statistics.mean(one.busy_percent for one in times)),
        "target": target(percentile(last, 95), limit),
    }


def upload(uploader: Uploader, audience: Audience, photo: bytes) -> Times:
    """Upload one picture and wait until everybody has its small version, then its renditions."""
    done = uploader.upload(photo)
    queued = audience.wait_for(f"queued {done.image}")
    ready = audience.wait_for(f"ready {done.image}")
    renditions = audience.wait_for(f"renditions {done.image}")
    moments = done.answered, queued.last, ready.first, ready.last, renditions.last
    return Times(*(moment - done.sent for moment in moments), machine.busy_percent(PAUSE_SECONDS))


def hurry(uploader: Uploader, audience: Audience, photo: bytes, uploads: int) -> list[float]:
    """Upload without waiting for renditions: the seconds until everybody had each small version."""
    seconds, images = [], []
    for _ in range(uploads):
        done = uploader.upload(photo)
        seconds.append(audience.wait_for(f"ready {done.image}").last - done.sent)
        images.append(done.image)
        time.sleep(PAUSE_SECONDS)
    for image in images:
        audience.wait_for(f"renditions {image}", LATE_SECONDS)
    return seconds
