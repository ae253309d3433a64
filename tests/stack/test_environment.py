"""Setting up on a machine where something is missing: one line that says what to do."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from deploy.fleet.images import PROJECT

SCRIPT = PROJECT / "deploy" / "environment.sh"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("requirements.txt", "requirements-build.txt", "requirements-dev.txt"):
        shutil.copy(PROJECT / name, tmp_path)
    return tmp_path


def set_up(folder: Path, python: str = sys.executable, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(SCRIPT), python, "requirements.txt", ".venv/ready"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def python_that(folder: Path, fails_at: str) -> str:
    """A Python that is fine except for what has `fails_at` in it."""
    path = folder / "python3"
    path.write_text(f'#!/bin/sh\ncase "$*" in *"{fails_at}"*) exit 1 ;; esac\nexec {sys.executable} "$@"\n')
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("fails_at", "advice"),
    [
        ("version_info", "is too old; install Python 3.11 or newer"),
        ("import ensurepip", "has no venv module; on Debian or Ubuntu: sudo apt install python3-venv"),
    ],
)
def test_it_says_what_the_python_lacks(checkout: Path, fails_at: str, advice: str) -> None:
    done = set_up(checkout, python_that(checkout, fails_at))
    assert done.returncode == 1
    assert advice in done.stderr
    assert done.stderr.count("\n") == 1


def test_it_says_that_there_is_no_python() -> None:
    done = set_up(PROJECT, "/nowhere/python3")
    assert done.stderr.startswith("setup: /nowhere/python3 was not found; install Python 3.11 or newer")
    assert done.stderr.count("\n") == 1


def test_it_says_that_the_folder_is_read_only() -> None:
    done = set_up(Path("/proc"))
    assert done.stderr.startswith("setup: /proc can't be written to; copy the project to a folder of your own")
    assert done.stderr.count("\n") == 1


def test_it_says_that_the_network_is_missing(checkout: Path) -> None:
    venv.create(checkout / ".venv")
    (next((checkout / ".venv" / "lib").glob("python*")) / "site-packages" / "pip.py").touch()
    (checkout / ".venv" / "bin" / "uv").symlink_to(PROJECT / ".venv" / "bin" / "uv")
    nobody = "http://127.0.0.1:9/"
    done = set_up(checkout, UV_DEFAULT_INDEX=nobody, UV_HTTP_RETRIES="0", UV_NO_CACHE="1", HOME=str(checkout))
    assert done.returncode == 1
    *_cause, line = done.stderr.splitlines()
    assert line == (
        "setup: the packages of requirements.txt could not be installed; is this machine connected to the internet?"
    )
    assert not (checkout / ".venv" / "ready").exists()


def test_it_writes_settings_for_containers_that_only_their_owner_reads(tmp_path: Path) -> None:
    script = str(PROJECT / "deploy" / "dotenv.sh")
    written = []
    for name in ("first", "second"):
        subprocess.run(["sh", script, name], cwd=tmp_path, check=True, capture_output=True)
        lines = (tmp_path / name).read_text().splitlines()
        written.append(dict(line.split("=", 1) for line in lines if not line.startswith("#")))
    assert (tmp_path / "first").stat().st_mode & 0o777 == 0o600
    assert set(written[0]) == {"SECRET_KEY", "POSTGRES_PASSWORD", "ALLOWED_HOSTS"}
    assert len(written[0]["SECRET_KEY"]) == 64
    assert written[0]["SECRET_KEY"] != written[1]["SECRET_KEY"]
    assert "localhost" in written[0]["ALLOWED_HOSTS"].split(",")
