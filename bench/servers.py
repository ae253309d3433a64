"""Real servers as processes of their own, and what the system knows about what they use."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.machine import ROOT
from deploy.fleet.ports import free_ports

START_SECONDS = 120
STOP_SECONDS = 20
MANAGE = [sys.executable, "manage.py"]


@dataclass
class Server:
    """A running server, its standard input and output open for whoever drives it."""

    process: subprocess.Popen[str]
    port: int

    def cpu_seconds(self) -> float:
        """The processor time of all its threads up to now, in steps of 10 ms; its children's is not in it."""
        return cpu_seconds(self.process.pid)

    def memory_bytes(self) -> int:
        """The memory it holds now (resident set)."""
        return self._memory("VmRSS")

    def peak_memory_bytes(self) -> int:
        """The most it held (resident set) since `forget_peak`."""
        return self._memory("VmHWM")

    def forget_peak(self) -> None:
        """Let the peak count from what it holds now."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def _memory(self, name: str) -> int:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


@dataclass
class Fleet:
    """The services of the compose file; nginx listens on `port`, each web process on one of `web_ports`."""

    port: int
    web_ports: list[int]


def cpu_seconds(pid: int) -> float:
    """The processor time of all threads of a process up to now, in steps of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(command: Callable[[int], list[str]], folder: Path, **environment: str) -> Iterator[Server]:
    """The server that `command` starts on the port it is given, its data in `folder`, until the block ends."""
    port = next(free_ports())
    with _process(command(port), folder, **environment) as process:
        _wait_until_open(process, port, _log(folder))
        yield Server(process, port)


def serve(port: int) -> list[str]:
    """`manage.py serve`, everything in one process."""
    return [*MANAGE, "serve", "--host", "127.0.0.1", "--port", str(port)]


def daphne(application: str) -> Callable[[int], list[str]]:
    """Daphne as it comes."""
    return lambda port: [sys.executable, "-m", "daphne", "-v", "0", "-b", "127.0.0.1", "-p", str(port), application]


def uvicorn(application: str) -> Callable[[int], list[str]]:
    """uvicorn as it comes, without its log of requests."""
    quiet = ["--log-level", "error", "--no-access-log", "--lifespan", "off"]
    return lambda port: [sys.executable, "-m", "uvicorn", *quiet, "--port", str(port), application]


def migrate(folder: Path) -> None:
    """Make the database that a server started elsewise than by `serve` expects in `folder`."""
    environment = {**os.environ, "DATA_DIR": str(folder)}
    subprocess.run([*MANAGE, "migrate", "-v", "0"], cwd=ROOT, env=environment, check=True, timeout=START_SECONDS)


@contextmanager
def fleet(folder: Path, web: int, worker: int) -> Iterator[Fleet]:
    """The services of docker-compose.yml as plain processes, `web` and `worker` of the two kinds."""
    port = next(free_ports())
    scale = {"PORT": str(port), "WEB": str(web), "WORKER": str(worker)}
    with _process([sys.executable, "-m", "deploy.fleet"], folder, **scale) as process:
        assert process.stdout
        for line in process.stdout:
            if "ready: " in line:
                break
        else:
            raise RuntimeError(f"the fleet did not start:\n{_log(folder).read_text()}")
        ports = json.loads((folder / "fleet" / "ports.json").read_text())
        yield Fleet(port, [number for name, number in ports.items() if name.startswith("web.")])


@contextmanager
def _process(command: list[str], folder: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A process whose errors go into a file in `folder`; asked to end with the block, killed if it does not."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {**os.environ, "DATA_DIR": str(folder), "UPLOAD_RATE": "100000/minute", "LANGUAGE_CODE": "en"}
    with _log(folder).open("w") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**settings, "PYTHONUNBUFFERED": "1", **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _log(folder: Path) -> Path:
    return folder / "server.log"


def _wait_until_open(process: subprocess.Popen[str], port: int, log: Path) -> None:
    """Return when `port` takes connections; the servers have no common way to say so."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{' '.join(map(str, process.args))} did not start:\n{log.read_text()}")  # type: ignore[arg-type]
