"""What children do in the tests of the sandbox. Light to import: every child does."""

import ctypes
import os
import resource
import signal
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from imgs.compression import Options, Result, compress, edit


def act(source: Path, folder: Path, options: Options) -> Result:
    """What children run in these tests: a file's content may name something worse to do than a compression."""
    word, _, argument = source.read_bytes()[:200].partition(b" ")
    if word not in ACTS:
        return compress(source, folder, options)
    return cast("Result", ACTS[word](argument.decode()))


def peak_of_an_edit(source: Path, folder: Path, options: Options) -> int:
    """The most bytes that a fresh child has held after an edit."""
    edit(source, folder, options)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def hang(pipe: str) -> None:
    """Say who hangs, then never come back to Python, like a decoder. The pipe is open while the child lives."""
    os.write(os.open(pipe, os.O_WRONLY), f"{os.getpid()}\n".encode())
    sum(range(10**12))


def burn(seconds: str) -> int:
    """Use that much CPU time."""
    until = time.process_time() + float(seconds)
    while time.process_time() < until:
        pass
    return os.getpid()


def obey(pipe: str) -> str:
    """Work until told what the result is."""
    with Path(pipe).open() as orders:
        return orders.readline()


def sockets(_argument: str) -> list[int]:
    found = [os.stat(int(name)) for name in os.listdir("/dev/fd") if os.path.exists(f"/dev/fd/{name}")]
    return [status.st_ino for status in found if stat.S_ISSOCK(status.st_mode)]


ACTS: dict[bytes, Callable[[str], Any]] = {
    b"crash": lambda _argument: os.kill(os.getpid(), signal.SIGKILL),
    b"segfault": lambda _argument: ctypes.string_at(0),
    b"exit": lambda _argument: os._exit(3),
    b"hang": hang,
    b"burn": burn,
    b"obey": obey,
    b"allocate": lambda size: len(bytearray(int(size))),
    b"who": lambda _argument: os.getpid(),
    b"modules": lambda _argument: sorted(sys.modules),
    b"sockets": sockets,
    b"oserror": lambda _argument: Path("/missing/file").read_bytes(),
}
