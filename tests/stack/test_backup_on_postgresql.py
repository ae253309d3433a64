"""The fleet's gallery is backed up while it is in use, and comes back in an empty database or in its own."""

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from deploy.fleet.images import PROJECT
from tests.factories import picture
from tests.stack.fleet import RunningFleet, Visitor, announced, until, watching

SHOWN = "SELECT uuid, position, status, original, compressed, sha256 FROM imgs_uploadedimage WHERE status <> 'removed'"


class Installation:
    """One database of the fleet's PostgreSQL, and a folder for files."""

    def __init__(self, fleet: RunningFleet, database: str, data: Path) -> None:
        secrets = json.loads((fleet.folder / "secrets.json").read_text())
        address = f"postgres://dinding:{secrets['POSTGRES_PASSWORD']}@127.0.0.1:{fleet.ports['db.1']}"
        self.database = f"{address}/{database}"
        self._environment = {
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(data),
            "DATABASE_URL": self.database,
            "REDIS_URL": f"redis://127.0.0.1:{fleet.ports['redis.1']}/0",
            "SECRET_KEY": secrets["SECRET_KEY"],
            "ALLOWED_HOSTS": "127.0.0.1",
        }

    def manage(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of `manage.py` on it."""
        command = [sys.executable, "manage.py", *words]
        return subprocess.run(
            command, cwd=PROJECT, env=self._environment, capture_output=True, text=True, timeout=100, check=False
        )

    def ask(self, question: str) -> list[Any]:
        """Rows of the database, in order."""
        with closing(psycopg2.connect(self.database)) as connection, connection.cursor() as cursor:
            cursor.execute(question)
            return sorted(cursor.fetchall())


@pytest.fixture
def installed(fleet: RunningFleet) -> Installation:
    return Installation(fleet, "dinding", fleet.folder / "data")


@pytest.fixture
def empty(fleet: RunningFleet, installed: Installation, tmp_path: Path) -> Installation:
    with closing(psycopg2.connect(installed.database)) as connection:
        connection.autocommit = True
        connection.cursor().execute("CREATE DATABASE restored")
    return Installation(fleet, "restored", tmp_path / "restored")


def test_it_comes_back_in_an_empty_database(
    visitor: Visitor, installed: Installation, empty: Installation, tmp_path: Path
) -> None:
    for number in range(5):
        visitor.ready_card(visitor.upload_card(picture(420 + number))["id"])
    made = installed.manage("backup", str(tmp_path / "copy"))
    assert made.returncode == 0, made.stderr
    restored = empty.manage("restore", str(tmp_path / "copy"))
    assert restored.returncode == 0, restored.stderr
    assert ", 0 of them repaired; 0 other files were there" in restored.stdout
    rows = empty.ask(SHOWN)
    assert (len(rows) >= 5, rows) == (True, installed.ask(SHOWN))
    for row in rows:
        for name in row[3:5]:
            copies = [folder / "media" / name for folder in (tmp_path / "restored", visitor_files(installed))]
            assert copies[0].read_bytes() == copies[1].read_bytes()
    assert empty.ask("SELECT epoch FROM imgs_gallery") != installed.ask("SELECT epoch FROM imgs_gallery")
    assert empty.manage("audit").returncode == 0
    again = empty.manage("shell", "-c", "from imgs.models import Gallery; print(Gallery.objects.create(slug='a').pk)")
    assert int(again.stdout.split()[-1]) == 1 + max(pk for (pk,) in installed.ask("SELECT id FROM imgs_gallery"))


def visitor_files(installed: Installation) -> Path:
    return Path(installed._environment["DATA_DIR"])


def test_it_takes_the_place_of_a_gallery_in_use_when_forced_to(
    fleet: RunningFleet, visitor: Visitor, installed: Installation, tmp_path: Path
) -> None:
    kept = visitor.ready_card(visitor.upload_card(picture(430))["id"])["id"]
    assert installed.manage("backup", str(tmp_path / "copy")).returncode == 0
    later = visitor.ready_card(visitor.upload_card(picture(431))["id"])["id"]
    refused = installed.manage("restore", str(tmp_path / "copy"))
    assert (refused.returncode, "the gallery is in use" in refused.stderr) == (1, True)
    assert visitor.card(later)
    with (
        watching(fleet.web_address(1), fleet.address) as first,
        watching(fleet.web_address(2), fleet.address) as second,
    ):
        forced = installed.manage("restore", str(tmp_path / "copy"), "--force")
        assert forced.returncode == 0, forced.stderr
        for socket in (first, second):
            while json.loads(socket.recv(timeout=20))["type"] != "reset":
                pass
        assert visitor.card(kept)
        assert visitor.card(later) is None
        image = visitor.upload_card(picture(432))["id"]
        assert announced(first, image)["seq"] == announced(second, image)["seq"]
    until(lambda: installed.manage("audit").returncode == 0)


def test_it_keeps_the_password_out_of_what_it_says(installed: Installation, tmp_path: Path) -> None:
    (tmp_path / "in the way").touch()
    failed = installed.manage("backup", str(tmp_path))
    assert failed.returncode == 1
    assert installed.database.split(":")[2].split("@")[0] not in failed.stdout + failed.stderr
