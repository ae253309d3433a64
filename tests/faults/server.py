"""The stack of `make run`, one process on SQLite, taking orders like a fleet and started again when it ends."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import httpx

from deploy.fleet.images import PROJECT
from deploy.fleet.ports import free_ports
from tests.disks import can_mount, small_disk
from tests.faults.fleet import POINTS, STAFF
from tests.faults.orders import Orders
from tests.stack.fleet import until

STOP_SECONDS = 20
DISK_SIZE = "300m"


class FaultyServer:
    """`manage.py serve` under a supervisor. Its one replica is called `serve.1`."""

    replicas = ("serve.1",)

    def __init__(self, folder: Path) -> None:
        self.orders = Orders(folder / "orders")
        self.data = folder / "data"
        self.address = f"http://127.0.0.1:{next(free_ports())}"
        self.settings = {
            "DATA_DIR": str(self.data),
            "PORT": self.address.rpartition(":")[2],
            "UPLOAD_RATE": "100000/minute",
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(POINTS),
            "FAULTS": str(folder / "orders"),
            "FAULTS_PROCESS": "serve.1",
        }
        self._log = folder / "serve.1.log"
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._supervisor = threading.Thread(target=self._supervise)
        self._supervisor.start()

    @property
    def media(self) -> Path:
        """The folder of pictures."""
        return self.data / "media"

    def wait_until_ready(self) -> None:
        """Return when it answers."""
        until(self._answers, 60)

    def stop(self) -> None:
        """Ask it to end, then insist."""
        self._stopping.set()
        if self._process:
            self._process.terminate()
        self._supervisor.join(STOP_SECONDS)
        if self._process and self._process.poll() is None:
            self._process.kill()
        self._supervisor.join()

    def web_address(self, _number: int) -> str:
        """The one web process."""
        return self.address

    def pid(self, _name: str) -> int:
        """Its process."""
        assert self._process
        return self._process.pid

    def send(self, name: str, number: signal.Signals) -> int:
        """Send it a signal; its pid."""
        pid = self.pid(name)
        os.kill(pid, number)
        return pid

    def is_running(self, _name: str) -> bool:
        """Whether there is a process."""
        return self._process is not None and self._process.poll() is None

    def runs_anew(self, name: str, pid: int) -> bool:
        """Whether another process than `pid` runs."""
        return self.is_running(name) and self.pid(name) != pid

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of one statement. Raises a database error."""
        with closing(sqlite3.connect(self.data / "dinding.sqlite3", timeout=10, isolation_level=None)) as connection:
            return connection.execute(sql.replace("%s", "?"), values).fetchall()

    def manage(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `manage.py` on its data."""
        own = {**self.settings, **environment}
        command = [sys.executable, "manage.py", *words]
        return subprocess.run(command, cwd=PROJECT, env=own, capture_output=True, text=True, timeout=120, check=False)

    def add_staff(self) -> None:
        """Make the account of somebody who moderates."""
        words = ("createsuperuser", "--noinput", "--username", STAFF[0], "--email", "staff@example.org")
        made = self.manage(*words, DJANGO_SUPERUSER_PASSWORD=STAFF[1])
        assert made.returncode == 0, made.stderr

    def _supervise(self) -> None:
        command = [sys.executable, "manage.py", "serve"]
        while not self._stopping.is_set():
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    command, cwd=PROJECT, env=self.settings, stdout=log, stderr=log, start_new_session=True
                )
            self._process.wait()
            self._stopping.wait(0.1)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.address}/readyz", timeout=2, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False


@contextmanager
def running(folder: Path) -> Iterator[FaultyServer]:
    """A server that is ready, all its data on a volume of its own where this user may mount one."""
    with small_disk(folder / "data", DISK_SIZE) if can_mount() else nullcontext():
        server = FaultyServer(folder)
        try:
            server.wait_until_ready()
            server.add_staff()
            yield server
        finally:
            server.stop()
