"""A newcomer: clone, `make run`. In an empty home directory, with nothing of this checkout but its commits."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.fleet.ports import free_ports
from tests.factories import picture

ROOT = Path(__file__).parent.parent


def run(command: list[str], folder: Path, environment: dict[str, str], said: Path) -> subprocess.Popen[bytes]:
    with said.open("wb") as output:
        return subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=output, start_new_session=True
        )


def wait_until(said: Path, words: str, process: subprocess.Popen[bytes], seconds: float) -> None:
    end = time.monotonic() + seconds
    while words not in said.read_text():
        assert process.poll() is None, said.read_text()
        assert time.monotonic() < end, said.read_text()
        time.sleep(0.05)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("newcomer") / "dinding"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    return folder


@pytest.fixture(scope="module")
def address(clone: Path) -> Iterator[str]:
    home, port = clone.parent / "home", next(free_ports())
    home.mkdir()
    dropped = {
        "VIRTUAL_ENV",
        "DATA_DIR",
        "UPLOAD_RATE",
        "DJANGO_SETTINGS_MODULE",
        "PYTHONPATH",
        "MAKEFLAGS",
        "MAKELEVEL",
    }
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    environment |= {"HOME": str(home), "PORT": str(port)}
    said = clone.parent / "said"
    process = run(["make", "run"], clone, environment, said)
    try:
        wait_until(said, f"http://127.0.0.1:{port}/wall/", process, 110)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(20)
    assert "Traceback" not in said.read_text()


def upload(address: str) -> Any:
    with httpx.Client(base_url=address) as client:
        client.get("/")
        headers = {"X-CSRFToken": client.cookies["csrftoken"]}
        return client.post("/upload/", files={"image": ("foto.jpg", picture())}, headers=headers)


def test_it_takes_a_picture_and_makes_it_ready(address: str) -> None:
    response = upload(address)
    assert response.status_code == 202, response.text
    end = time.monotonic() + 20
    while (card := httpx.get(f"{address}/api/v1/galleries/main/images").json()["images"][0])["status"] == "queued":
        assert time.monotonic() < end
        time.sleep(0.05)
    assert card["status"] == "ready"
    assert httpx.get(f"{address}{card['compressed_url']}").headers["content-type"] == "image/jpeg"


def test_it_serves_page_wall_and_their_files(address: str) -> None:
    for path in ("/", "/wall/"):
        page = httpx.get(f"{address}{path}")
        assert page.status_code == 200
    names = [part.split('"')[0] for part in page.text.split('src="')[1:]]
    assert names
    assert {httpx.get(f"{address}{name}").status_code for name in names} == {200}


def test_it_leaves_the_checkout_clean(clone: Path, address: str) -> None:
    status = subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True)
    assert (address.startswith("http"), status.stdout) == (True, "")
