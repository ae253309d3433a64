"""An older database is brought back while nothing runs: the next start notices, before anybody uploads or looks."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def start_and_stop(folder: Path, *command: str, ready: str) -> str:
    """Run a command of manage.py until it says it is ready. Returns what it said until its end."""
    environment = {**os.environ, "DATA_DIR": str(folder)}
    with subprocess.Popen(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout
        said = ""
        while ready not in said and (line := process.stdout.readline()):
            said += line
        process.terminate()
        return said + process.stdout.read()


def epoch_and_id(folder: Path) -> tuple[str, int]:
    database = sqlite3.connect(folder / "dinding.sqlite3")
    try:
        epoch, gallery_id = database.execute("SELECT epoch, id FROM imgs_gallery WHERE slug = 'main'").fetchone()
        return str(epoch), int(gallery_id)
    finally:
        database.close()


SERVE = ("serve", "--port", "0", "--without-worker")


@pytest.mark.parametrize(
    ("command", "ready"), [(SERVE, "The wall"), (("runworker", "compress"), "ready to compress")], ids=["web", "worker"]
)
def test_it_starts_a_feed_that_has_gone_back_in_a_new_epoch(
    tmp_path: Path, command: tuple[str, ...], ready: str
) -> None:
    assert "new epoch" not in start_and_stop(tmp_path, *SERVE, ready="The wall")
    epoch, gallery_id = epoch_and_id(tmp_path)
    feeds = tmp_path / "media" / "feeds"
    feeds.mkdir()
    (feeds / f"{gallery_id}.json").write_text(json.dumps({epoch: 5}))
    assert start_and_stop(tmp_path, *command, ready=ready).count("it has a new epoch now") == 1
    renewed, _ = epoch_and_id(tmp_path)
    assert renewed != epoch
    assert "new epoch" not in start_and_stop(tmp_path, *SERVE, ready="The wall")
    assert epoch_and_id(tmp_path)[0] == renewed
