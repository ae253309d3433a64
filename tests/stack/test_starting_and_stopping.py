"""A fleet starts in order, keeps its data, ends with everything it started, and says in one line why it can't start."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.fleet.images import PROJECT
from tests.factories import picture
from tests.stack.fleet import STOP_SECONDS, RunningFleet, Visitor, until


@pytest.mark.timeout(300)  # it starts two fleets
def test_it_keeps_its_pictures_and_leaves_no_process_behind(tmp_path: Path) -> None:
    fleet = RunningFleet(tmp_path, web=1, worker=1)
    try:
        fleet.wait_until_ready()
        first = Visitor(fleet.address)
        image = first.ready_card(first.upload_card(picture())["id"])["id"]
        first.http.close()
        os.kill(fleet.pid("worker.1"), signal.SIGSTOP)  # one that can't end by itself
        started = processes_under(tmp_path)
    finally:
        seconds = fleet.stop()
    assert len(started) > 5
    assert seconds < STOP_SECONDS
    assert fleet.process.returncode == 0
    until(lambda: not processes_under(tmp_path))
    assert not list(fleet.folder.glob("*.pid"))

    again = RunningFleet(tmp_path, web=1, worker=1)
    try:
        again.wait_until_ready()
        second = Visitor(again.address)
        assert second.card(image)
        second.http.close()
        again.process.kill()  # it has no chance to stop anything
        until(lambda: not processes_under(tmp_path))
    finally:
        again.stop()


def test_it_says_that_its_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert start(tmp_path, PORT=str(port)) == f"fleet: port {port} is taken; choose another: make fleet PORT=8081\n"


def test_it_says_what_is_not_installed(tmp_path: Path) -> None:
    said = start(tmp_path, PORT="0", PATH="/nowhere")
    assert said.startswith("fleet: not installed: ")
    assert "redis-server" in said
    assert said.endswith("; run: sh deploy/install_services.sh postgresql redis nginx\n")


@pytest.mark.parametrize("scale", ["0", "many"])
def test_it_refuses_a_scale_that_makes_no_sense(tmp_path: Path, scale: str) -> None:
    assert start(tmp_path, WEB=scale) == "fleet: WEB must be a whole number from 1\n"


def start(folder: Path, **environment: str) -> str:
    """What a fleet that can't start says."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.fleet"],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    return done.stderr


def processes_under(folder: Path) -> list[str]:
    """Command and environment of every process that names `folder`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            text = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue  # ended meanwhile
        if str(folder).encode() in text:
            found.append(text.decode(errors="replace"))
    return found
