"""The healthchecks of docker-compose.yml, without Django: they run every few seconds beside the real work.

`health.py web URL`: the web process answers 200 at URL. `health.py worker`: the worker made progress just now.
"""

import os
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

WORKER_FILES = "dinding-worker-*"  # in the temporary folder; touched every second by a worker that gets on
WORKER_SILENT_SECONDS = 30


def web(url: str) -> None:
    """Ask `url` under a name that the web process accepts; anything but 200 raises."""
    host = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip().lstrip(".").replace("*", "")
    request = urllib.request.Request(url, headers={"Host": host or "localhost"})  # noqa: S310 (the address is ours)
    urllib.request.urlopen(request, timeout=4).close()  # noqa: S310


def worker() -> None:
    """Raise when no worker of this container touched its file lately."""
    files = Path(tempfile.gettempdir()).glob(WORKER_FILES)
    if not any(time.time() - file.stat().st_mtime < WORKER_SILENT_SECONDS for file in files):
        raise TimeoutError(f"no progress for {WORKER_SILENT_SECONDS} s")


if __name__ == "__main__":
    try:
        if sys.argv[1] == "web":
            web(sys.argv[2])
        else:
            worker()
    except OSError as error:
        sys.exit(f"unhealthy: {error}")
