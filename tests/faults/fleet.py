"""A fleet whose processes take orders, on volumes that can be filled.

As a program it is `python -m deploy.fleet` with tests/faults/points in every Python process.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2

from deploy.fleet import images
from deploy.fleet.images import PROJECT
from tests.disks import can_mount, small_disk
from tests.faults.orders import Orders
from tests.stack.fleet import RunningFleet

POINTS = Path(__file__).with_name("points")
MEDIA_SIZE, DATABASE_SIZE = "300m", "400m"
STAFF = ("staff", "only for tests")


class FaultyFleet(RunningFleet):
    """Two web processes and two workers that can be given orders; parts that can be kept away; disks that get full."""

    program = "tests.faults.fleet"
    replicas = ("nginx.1", "web.1", "web.2", "worker.1", "worker.2", "db.1", "redis.1")

    def __init__(self, folder: Path) -> None:
        self.orders = Orders(folder / "orders")
        super().__init__(folder, web=2, worker=2)

    @property
    def media(self) -> Path:
        """The volume of pictures."""
        return self.folder / "data" / "media"

    def send(self, name: str, number: signal.Signals) -> int:
        """Send a signal to one replica; its pid."""
        pid = self.pid(name)
        os.kill(pid, number)
        return pid

    def hold(self, name: str) -> None:
        """End a replica the hard way, and keep it from being started again."""
        self._hold_file(name).touch()
        self.kill(name)

    def let_go(self, name: str) -> None:
        """Have it started again."""
        self._hold_file(name).unlink(missing_ok=True)

    def is_running(self, name: str) -> bool:
        """Whether a process of this name runs."""
        return (self.folder / f"{name}.pid").exists()

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of one statement. Raises a database error."""
        with closing(psycopg2.connect(self.settings["DATABASE_URL"], connect_timeout=10)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql, values)
                return list(cursor.fetchall())

    def manage(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `manage.py` on the fleet's data."""
        own = {"PATH": os.environ["PATH"], **self.settings, **environment}
        command = [sys.executable, "manage.py", *words]
        return subprocess.run(command, cwd=PROJECT, env=own, capture_output=True, text=True, timeout=120, check=False)

    def add_staff(self) -> None:
        """Make the account of somebody who moderates."""
        words = ("createsuperuser", "--noinput", "--username", STAFF[0], "--email", "staff@example.org")
        made = self.manage(*words, DJANGO_SUPERUSER_PASSWORD=STAFF[1])
        assert made.returncode == 0, made.stderr

    def _hold_file(self, name: str) -> Path:
        return self.folder / f"{name}.hold"


@contextmanager
def running(folder: Path) -> Iterator[FaultyFleet]:
    """A fleet that is ready, with volumes of its own for media and database where this user may mount them."""
    with ExitStack() as volumes:
        if can_mount():
            for path, size in (("data/media", MEDIA_SIZE), ("db", DATABASE_SIZE)):
                volumes.enter_context(small_disk(folder / "fleet" / path, size))
        fleet = FaultyFleet(folder)
        try:
            fleet.wait_until_ready()
            fleet.add_staff()
            yield fleet
        finally:
            fleet.stop()


def main() -> None:
    """Run the fleet, its Python processes with points in them."""
    from deploy.fleet.__main__ import main as run_fleet

    start = images.launch

    def launch(service: Any, number: int, loopback: Any, folder: Path, scratch: Path) -> images.Launch:
        launched = start(service, number, loopback, folder, scratch)
        points = {
            "PYTHONPATH": str(POINTS),
            "FAULTS": str(folder.parent / "orders"),
            "FAULTS_PROCESS": f"{service.name}.{number}",
        }
        return replace(launched, environment={**launched.environment, **points})

    images.launch = launch
    run_fleet()


if __name__ == "__main__":
    main()
