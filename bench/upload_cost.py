"""What one upload costs the web process: processor time and memory, under this project's server and under others."""

import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bench import pictures, servers
from bench.servers import Server
from bench.tables import Row, Section, target
from bench.uploads import Uploader

MEGABYTE = 1024 * 1024
CPU_LIMIT_MS = 30
MEMORY_LIMIT_MB = 30
APPLICATION = "project.asgi:application"

# Memory is wanted of a fresh process, so each size of each server gets one of its own.
SERVERS: dict[str, Callable[[int], list[str]]] = {
    "serve (Daphne)": lambda port: [*servers.serve(port), "--without-worker"],
    "uvicorn": servers.uvicorn(APPLICATION),
    "Daphne as it comes": servers.daphne(APPLICATION),
}


def run(quick: bool) -> Section:
    """Measure all servers with a picture of 1.3 and one of 4.4 MB."""
    uploads = 10 if quick else 40
    photos = {"1.3 MB": pictures.jpeg(4000, 3000), "4.4 MB": pictures.jpeg(4000, 3000, 57)}
    section = Section("Upload: what one POST costs the web process")
    with tempfile.TemporaryDirectory(prefix="dinding-bench-") as folder:
        prepare(Path(folder))
        for size, photo in photos.items():
            for name, command in SERVERS.items():
                with servers.running(command, Path(folder)) as server:
                    section.rows.append(measure(name, server, size, photo, uploads))
    section.notes = [
        f"{uploads} uploads one after the other, the same application everywhere: form, type, size in pixels, SHA-256, "
        "file on disk, row in SQLite. No worker. User and system time of the process.",
        "Extra memory: its peak during the uploads less what it held before the first one, after a page was served.",
        f"Targets: {CPU_LIMIT_MS} ms and {MEMORY_LIMIT_MB} MB for 4.4 MB under serve.",
    ]
    return section


def prepare(folder: Path) -> None:
    """Let `serve` make what all servers need, so that none has the memory of it: database, collected static files."""
    with servers.running(servers.serve, folder) as server, closing(Uploader(server.port)):
        pass


def measure(name: str, server: Server, size: str, photo: bytes, uploads: int) -> Row:
    """The row of one server and picture."""
    with closing(Uploader(server.port)) as uploader:
        resting = server.memory_bytes()
        server.forget_peak()
        uploader.upload(photo)  # the first one is slower
        before, began = server.cpu_seconds(), time.monotonic()
        for _ in range(uploads):
            uploader.upload(photo)
        milliseconds = 1000 * (server.cpu_seconds() - before) / uploads
        wall = 1000 * (time.monotonic() - began) / uploads
        extra = (server.peak_memory_bytes() - resting) / MEGABYTE
    judged = name.startswith("serve") and size == "4.4 MB"
    met = target(max(milliseconds / CPU_LIMIT_MS, extra / MEMORY_LIMIT_MB), 1).replace(" (<= 1)", "")
    return {
        "server": name,
        "picture": size,
        "cpu_ms": round(milliseconds, 1),
        "wall_ms": round(wall, 1),
        "extra_memory_mb": round(extra, 1),
        "resting_memory_mb": round(resting / MEGABYTE, 1),
        "target": met if judged else "-",
    }
