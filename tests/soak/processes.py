"""What processes hold, as Linux tells it."""

import os
from collections.abc import Iterator
from pathlib import Path


def resident_bytes(pid: int) -> int:
    """The memory a process has in RAM; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (FileNotFoundError, ProcessLookupError):
        return 0


def open_files(pid: int) -> tuple[int, int]:
    """How many descriptors a process has open, and how many of them are sockets."""
    targets = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            targets.append(str(entry.readlink()))
        except FileNotFoundError:
            continue  # closed since it was listed
    return len(targets), sum(target.startswith("socket:") for target in targets)


def descendants(pid: int) -> Iterator[int]:
    """All processes that a process has started, and those that they have."""
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        for child in map(int, children):
            yield child
            yield from descendants(child)


def renderers(pid: int) -> list[int]:
    """The processes below `pid` in which Chromium shows pages."""
    found = []
    for child in descendants(pid):
        try:
            command = Path(f"/proc/{child}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if b"--type=renderer" in command:
            found.append(child)
    return found
