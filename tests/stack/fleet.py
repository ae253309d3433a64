"""A fleet of its own for tests, and a visitor who uses it over the network like anybody else."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from deploy.fleet.images import PROJECT
from deploy.fleet.ports import free_ports

START_SECONDS = 110
STOP_SECONDS = 20


class RunningFleet:
    """`python -m deploy.fleet`, or another `program` like it, with its files under `folder`."""

    program = "deploy.fleet"

    def __init__(self, folder: Path, **scale: int) -> None:
        self.folder = folder / "fleet"
        self.port = next(free_ports())
        self.address = f"http://127.0.0.1:{self.port}"
        own = {"DATA_DIR": str(folder), "PORT": str(self.port)} | {name.upper(): str(n) for name, n in scale.items()}
        self.lines: list[str] = []
        self._ready = threading.Event()
        self.process = subprocess.Popen(
            [sys.executable, "-m", self.program],
            cwd=PROJECT,
            env={"PATH": os.environ["PATH"], "UPLOAD_RATE": "100000/minute", **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C ends the tests, which then stop it
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait_until_ready(self) -> None:
        """Return when the fleet says so; fail with what it said instead."""
        if not self._ready.wait(START_SECONDS) or not any(f"ready: {self.address}/" in line for line in self.lines):
            raise AssertionError("the fleet did not start:\n" + "".join(self.lines))

    def stop(self) -> float:
        """Interrupt it; the seconds until it was gone."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS + 10)
        finally:
            self.process.kill()
            self._reader.join()
            self.process.stdout.close()  # type: ignore[union-attr]
        return time.monotonic() - began

    def pid(self, name: str) -> int:
        """The process of one replica, such as `web.1`."""
        return int((self.folder / f"{name}.pid").read_text())

    @property
    def ports(self) -> dict[str, int]:
        """Where each replica listens."""
        return json.loads((self.folder / "ports.json").read_text())  # type: ignore[no-any-return]

    @property
    def settings(self) -> dict[str, str]:
        """The variables with which a program of this machine, such as `manage.py`, works on the fleet's data."""
        secrets = json.loads((self.folder / "secrets.json").read_text())
        login = f"dinding:{secrets['POSTGRES_PASSWORD']}@127.0.0.1:{self.ports['db.1']}"
        return {
            "DATA_DIR": str(self.folder / "data"),
            "DATABASE_URL": f"postgres://{login}/dinding",
            "REDIS_URL": f"redis://127.0.0.1:{self.ports['redis.1']}/0",
            "SECRET_KEY": secrets["SECRET_KEY"],
            "ALLOWED_HOSTS": "localhost,127.0.0.1",
        }

    def web_address(self, number: int) -> str:
        """One web process, past nginx."""
        return f"http://127.0.0.1:{self.ports[f'web.{number}']}"

    def kill(self, name: str) -> int:
        """End one replica the hard way; its pid."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def runs_anew(self, name: str, pid: int) -> bool:
        """Whether another process than `pid` runs as `name`."""
        with suppress(FileNotFoundError):
            return self.pid(name) != pid
        return False

    def wait_for_restart(self, name: str, pid: int, seconds: float = 30) -> None:
        """Return when another process than `pid` runs as `name`."""
        until(lambda: self.runs_anew(name, pid), seconds)

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.lines.append(line)
            if "ready: " in line:
                self._ready.set()
        self._ready.set()


class Visitor:
    """A browser's cookies and requests, without the browser."""

    def __init__(self, address: str) -> None:
        self.http = httpx.Client(base_url=address, timeout=30, trust_env=False)

    def upload(self, content: bytes, name: str = "photo.jpg") -> httpx.Response:
        """Post one file as the page does."""
        if "csrftoken" not in self.http.cookies:
            self.http.get("/").raise_for_status()
        headers = {"X-CSRFToken": self.http.cookies["csrftoken"], "Accept": "application/json"}
        return self.http.post("/upload/", files={"image": (name, content)}, headers=headers)

    def upload_card(self, content: bytes) -> dict[str, Any]:
        """Post one picture that is fine; its card."""
        answer = self.upload(content)
        assert answer.status_code == 202, answer.text
        return answer.json()["image"]  # type: ignore[no-any-return]

    def cards(self) -> list[dict[str, Any]]:
        """The first page of the snapshot."""
        page = self.http.get("/api/v1/galleries/main/images").raise_for_status().json()
        return list(page["images"])

    def card(self, image: str) -> dict[str, Any] | None:
        """The card of `image` in the first page of the snapshot."""
        return next((card for card in self.cards() if card["id"] == image), None)

    def ready_card(self, image: str, seconds: float = 30) -> dict[str, Any]:
        """The card of `image` as soon as the snapshot shows it ready."""
        found: list[dict[str, Any]] = []

        def is_ready() -> bool:
            card = self.card(image)
            found[:] = [card] if card else []
            return card is not None and card["status"] == "ready"

        until(is_ready, seconds)
        return found[0]


@contextmanager
def watching(address: str, origin: str) -> Iterator[ClientConnection]:
    """A websocket on the gallery at `address`, after its `hello`."""
    url = address.replace("http://", "ws://") + "/ws/gallery/main/"
    with connect(url, origin=Origin(origin), proxy=None) as connection:
        assert json.loads(connection.recv(timeout=10))["type"] == "hello"
        yield connection


def announced(connection: ClientConnection, image: str, seconds: float = 30) -> dict[str, Any]:
    """The ready card of `image` as `connection` receives it."""
    deadline = time.monotonic() + seconds
    while True:
        message = json.loads(connection.recv(timeout=deadline - time.monotonic()))
        for card in message.get("cards", ()):
            if card["id"] == image and card["status"] == "ready":
                return card  # type: ignore[no-any-return]


def until(condition: Any, seconds: float = 30) -> None:
    """Return when `condition()` holds: for what another process does and nothing announces."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not so after {seconds} s"
        time.sleep(0.05)
