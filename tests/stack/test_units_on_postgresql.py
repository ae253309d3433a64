"""What feed, queue and sockets promise on SQLite holds on PostgreSQL: the same tests, run there."""

import json
import os
import subprocess
import sys

import pytest

from deploy.fleet.images import PROJECT
from tests.stack.fleet import RunningFleet

FILES = [
    "tests/imgs/test_audit.py",
    "tests/imgs/test_changes.py",
    "tests/imgs/test_clock.py",
    "tests/imgs/test_epochs.py",
    "tests/imgs/test_jobs.py",
    "tests/imgs/test_upload.py",
    "tests/realtime/test_catch_up.py",
    "tests/realtime/test_compression.py",
    "tests/realtime/test_gallery_socket.py",
    "tests/realtime/test_replay.py",
]


@pytest.mark.timeout(900)
def test_it_keeps_every_promise_of_feed_queue_and_sockets(fleet: RunningFleet) -> None:
    password = json.loads((fleet.folder / "secrets.json").read_text())["POSTGRES_PASSWORD"]
    stack = {
        "DATABASE_URL": f"postgres://dinding:{password}@127.0.0.1:{fleet.ports['db.1']}/dinding",
        "SECRET_KEY": "only for tests",
        "ALLOWED_HOSTS": "localhost,testserver",
    }
    # The threads of the tests keep their connections, so the test database is left to go with its server
    command = [sys.executable, "-m", "pytest", "-q", "--reuse-db", "--create-db", *FILES]
    done = subprocess.run(
        command, cwd=PROJECT, env={**os.environ, **stack}, capture_output=True, text=True, timeout=840, check=False
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert " passed" in done.stdout
