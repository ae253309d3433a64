"""`manage.py demo`: a gallery that fills itself."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from deploy.fleet.ports import free_ports
from imgs.header import read_header
from imgs.management.commands.demo import PAINTERS, SHAPES, picture
from tests.stack.fleet import until

ROOT = Path(__file__).resolve().parents[2]


def test_a_number_always_gives_the_same_picture() -> None:
    assert picture(3) == picture(3)
    assert picture(3) != picture(3 + len(PAINTERS) * len(SHAPES))


@pytest.mark.parametrize("number", range(len(PAINTERS)))
def test_every_kind_of_picture_is_worth_looking_at(number: int) -> None:
    content = picture(number)
    header = read_header(io.BytesIO(content))
    assert header.format == "JPEG"
    assert abs(header.width / header.height - SHAPES[number][0] / SHAPES[number][1]) < 0.01
    small = Image.open(io.BytesIO(content)).reduce(8)
    assert len(small.getcolors(small.width * small.height) or []) > 20


def test_a_panorama_and_a_portrait_are_among_the_first_pictures() -> None:
    assert max(wide / high for wide, high in SHAPES) >= 3
    assert min(wide / high for wide, high in SHAPES) < 0.7


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A demo with three pictures, and its address."""
    port = next(free_ports())
    process = subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--port", str(port), "--pictures", "3"],
        cwd=ROOT,
        env={**os.environ, "DATA_DIR": str(tmp_path), "LANGUAGE_CODE": "en", "HOST": "127.0.0.1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process, f"http://127.0.0.1:{port}/"
    finally:
        process.kill()
        process.communicate()


def test_it_names_its_addresses_fills_itself_and_ends_with_its_server(demo: tuple[subprocess.Popen[str], str]) -> None:
    process, address = demo
    assert process.stdout
    said = process.stdout.readline() + process.stdout.readline()
    assert address in said
    assert f"{address}wall/" in said

    with httpx.Client(base_url=address, timeout=30, trust_env=False) as visitor:

        def states() -> list[str]:
            return [image["status"] for image in visitor.get("api/v1/galleries/main/images").json()["images"]]

        until(lambda: states().count("ready") >= 3, 60)

    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(address, trust_env=False)
