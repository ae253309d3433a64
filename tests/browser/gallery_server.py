"""The real program in a process of its own, and one gallery of it as the tests use it."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

from deploy.fleet.ports import free_ports
from tests.copies import another

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0
STAFF_NAME, STAFF_PASSWORD = "staff", "a long walk by the sea"


class GalleryServer:
    """`manage.py serve` on a free port with data of its own, from its start to the end of a `with` block. It keeps both
    over a restart.

    `environment` is what it is told besides, `program` what Python runs instead of manage.py.
    """

    def __init__(
        self, data_dir: Path, environment: Mapping[str, str] | None = None, program: Sequence[str] = ("manage.py",)
    ) -> None:
        data_dir.mkdir(exist_ok=True)
        self.data_dir = data_dir
        self.port = next(free_ports())
        self.url = f"http://127.0.0.1:{self.port}"
        self.visitor = self._client()  # somebody whom no page belongs to
        self.log = data_dir / "serve.log"
        self._env = {
            **{name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL", "PORT"}},
            "DATA_DIR": str(data_dir),
            "HEARTBEAT_SECONDS": "3",
            "UPLOAD_RATE": "100000/minute",
            "DJANGO_SUPERUSER_PASSWORD": STAFF_PASSWORD,
            **(environment or {}),
        }
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.visitor.close()
        self.stop()

    def start(self, path: str = "/readyz") -> None:
        """Start, and wait until it answers 200 at `path`: by default, until all its parts are usable."""
        command = [sys.executable, *self._program, "serve", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self._env, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers(path):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.1)

    @property
    def pid(self) -> int:
        """The running process."""
        if self._process is None:
            raise RuntimeError("the server does not run")
        return self._process.pid

    def stop(self) -> None:
        """Stop it as a service manager does; by force when it does not."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End it and its children at once, as a power cut would."""
        assert self._process
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def restart(self) -> None:
        """Stop and start again, on the same port and data."""
        self.stop()
        self.start()

    def add_staff(self) -> None:
        """Make the account of the person who runs the gallery."""
        self.manage(
            "createsuperuser", "--noinput", "--username", STAFF_NAME, "--email", "staff@example.org"
        ).check_returncode()

    def manage(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of `manage.py` on the same data."""
        command = [sys.executable, "manage.py", *words]
        return subprocess.run(command, cwd=ROOT, env=self._env, check=False, capture_output=True, text=True)

    def shell(self, script: str) -> None:
        """Run Python in the program's environment, on its data, in a process of its own."""
        self.manage("shell", "--no-imports", "--command", script).check_returncode()

    def staff(self) -> httpx.Client:
        """Somebody logged in to the admin."""
        client = self._client()
        client.get("/admin/login/")
        form = {"username": STAFF_NAME, "password": STAFF_PASSWORD, "next": "/admin/"}
        answer = post(client, "/admin/login/", form)
        if answer.url.path != "/admin/":
            client.close()
            raise RuntimeError("the login to the admin failed")
        return client

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, follow_redirects=True, headers={"Referer": self.url}, timeout=20)

    def _answers(self, path: str) -> bool:
        try:
            return httpx.get(f"{self.url}{path}", timeout=2).status_code == 200
        except httpx.TransportError:
            return False


@dataclass
class LiveGallery:
    """One empty gallery of a running server."""

    server: GalleryServer
    staff: httpx.Client
    slug: str = field(default_factory=lambda: f"g{secrets.token_hex(4)}")

    def __post_init__(self) -> None:
        answer = post(self.staff, "/admin/imgs/gallery/add/", {"title": f"Gallery {self.slug}", "slug": self.slug})
        if answer.url.path != "/admin/imgs/gallery/":
            raise RuntimeError("the gallery could not be made")
        self.url = f"{self.server.url}/g/{self.slug}/"
        self.wall_url = f"{self.url}wall/"
        self.images_url = f"{self.server.url}/api/v1/galleries/{self.slug}/images"

    def upload(self, content: bytes, name: str = "picture.jpg") -> dict[str, Any]:
        """Upload as a visitor whom no page belongs to. Returns the card of the answer."""
        visitor = self.server.visitor
        if "csrftoken" not in visitor.cookies:
            visitor.get(self.url)
        answer = post(visitor, "/upload/", {"gallery": self.slug}, {"image": (name, another(content))})
        answer.raise_for_status()
        card: dict[str, Any] = answer.json()["image"]
        return card

    def cards(self) -> list[dict[str, Any]]:
        """The newest pictures."""
        answer = httpx.get(self.images_url, timeout=20)
        cards: list[dict[str, Any]] = answer.json()["images"]
        return cards

    def remove(self, name: str) -> None:
        """Take the picture with this name, which no other one has, off every screen: in the admin."""
        page = self.staff.get("/admin/imgs/uploadedimage/", params={"q": name}).text
        selected = page.split('name="_selected_action" value="', 1)[1].split('"', 1)[0]
        form = {"action": "remove", "_selected_action": selected, "index": "0"}
        post(self.staff, "/admin/imgs/uploadedimage/", form).raise_for_status()


def post(client: httpx.Client, path: str, data: dict[str, str], files: Any = None) -> httpx.Response:
    """POST a form with the client's CSRF token."""
    return client.post(path, data=data, files=files, headers={"X-CSRFToken": client.cookies["csrftoken"]})
