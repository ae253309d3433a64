"""Where and when the numbers were taken."""

import os
import platform
import subprocess
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("django", "channels", "channels-redis", "redis", "daphne", "twisted", "autobahn", "uvicorn", "pillow")


def facts() -> dict[str, str | int | dict[str, str]]:
    """The machine and the versions of what runs on it."""
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), ":")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": model.partition(":")[2].strip() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory / 1024**3),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def moment() -> dict[str, str]:
    """The time and the commit."""
    return {"measured_at": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit()}


def busy_percent(seconds: float = 2) -> float:
    """How much of all cores is in use now and for so many seconds, by anybody."""
    idle_before, all_before = _ticks()
    time.sleep(seconds)
    idle_after, all_after = _ticks()
    return 100 - 100 * (idle_after - idle_before) / max(1, all_after - all_before)


def commit() -> str:
    """The short name of the commit, with a plus sign when the tree differs from it; empty outside a repository."""
    try:
        short = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True).strip()
        changed = subprocess.check_output(["git", "status", "--porcelain", "-uno"], cwd=ROOT, text=True).strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"{short}+" if changed else short


def _ticks() -> tuple[int, int]:
    """Time that all cores were idle, and all their time, since the machine started."""
    ticks = [int(tick) for tick in Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)
