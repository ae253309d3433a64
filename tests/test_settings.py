"""Environment variables: checked at start with a message that names them, and all of them in the README."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SETTINGS = (ROOT / "project" / "settings.py").read_text()
VARIABLES = set(re.findall(r'variable\(\s*"([A-Z_]+)"', SETTINGS))


def start(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={**keep, "DATA_DIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "70000"),
        ("DEBUG", "perhaps"),
        ("UPLOAD_MAX_BYTES", "5 MB"),
        ("THUMBNAIL_QUALITY", "101"),
        ("UPLOAD_RATE", "often"),
        ("UPLOAD_RATE", "0/minute"),
        ("LANGUAGE_CODE", "xx"),
        ("DATABASE_URL", "somewhere"),
        ("REDIS_URL", "somewhere"),
        ("PUBLIC_URL", "pesta.example"),
        ("TRUSTED_PROXIES", "-1"),
        ("ALLOWED_HOSTS", "http://pesta.example"),
        ("ALLOWED_HOSTS", "localhost, pesta.example:8000"),
        ("ALLOWED_HOSTS", "*.pesta.example"),
        ("ALLOWED_HOSTS", ","),
        ("CSRF_TRUSTED_ORIGINS", "pesta.example"),
        ("CSRF_TRUSTED_ORIGINS", "https://pesta.example, ftp://pesta.example"),
        ("CSRF_TRUSTED_ORIGINS", "https://pesta.example/gallery"),
    ],
)
def test_it_names_a_variable_whose_value_is_wrong_in_one_line(tmp_path: Path, name: str, value: str) -> None:
    done = start(tmp_path, **{name: value})
    assert done.returncode != 0
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith(f"dinding: {name} ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALLOWED_HOSTS", "pesta.example,.pesta.example, My_Machine-2.local,192.0.2.7,[2001:db8::1]"),
        ("ALLOWED_HOSTS", "*"),
        ("CSRF_TRUSTED_ORIGINS", "https://pesta.example/, http://*.pesta.example:8080,http://[::1]:8000"),
    ],
)
def test_it_starts_with_every_kind_of_host_and_origin(tmp_path: Path, name: str, value: str) -> None:
    assert start(tmp_path, **{name: value}).stderr == ""


@pytest.mark.parametrize(("missing", "given"), [("SECRET_KEY", "ALLOWED_HOSTS"), ("ALLOWED_HOSTS", "SECRET_KEY")])
def test_it_requires_key_and_hosts_in_the_fleet(tmp_path: Path, missing: str, given: str) -> None:
    done = start(tmp_path, REDIS_URL="redis://localhost:1", **{given: "x"})
    assert done.returncode != 0
    assert done.stderr.startswith(f"dinding: {missing} ")


def test_it_never_shows_the_value_of_a_variable(tmp_path: Path) -> None:
    done = start(tmp_path, DATABASE_URL="nonsense-with-s3cret-inside")
    assert done.returncode != 0
    assert "s3cret" not in done.stderr + done.stdout


def test_it_makes_the_secret_key_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    assert start(tmp_path).returncode == 0
    key = (tmp_path / "secret_key").read_text()
    assert start(tmp_path).returncode == 0
    assert (tmp_path / "secret_key").read_text() == key
    assert len(key) >= 50
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0


def test_it_says_in_one_line_that_the_data_folder_can_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = start(tmp_path, DATA_DIR=str(tmp_path / "file" / "data"))
    assert done.returncode != 0
    assert len(done.stderr.strip().splitlines()) == 1
    assert "DATA_DIR" in done.stderr


@pytest.mark.parametrize("readme", ["README.md", "README.id.md"])
def test_it_lists_every_variable_in_the_readme(readme: str) -> None:
    listed = set(re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / readme).read_text(), re.MULTILINE))
    assert listed == VARIABLES
