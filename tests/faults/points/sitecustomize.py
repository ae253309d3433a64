"""Loaded by every Python process of a fleet under test: at named points of the program it does what its orders say.

The program itself knows nothing of this. Python imports a module of this name at start when it finds one; the tests
put its folder on PYTHONPATH. FAULTS names the folder with `orders.json` (see tests/faults/orders.py), FAULTS_PROCESS
this process, such as `worker.1`. Each act leaves a line in `hits`: the order's id, then the process.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = Path(os.environ["FAULTS"])
PROCESS = os.environ["FAULTS_PROCESS"]
ORDERS = FOLDER / "orders.json"

real_time = time.time
_read: dict[str, Any] = {"stamp": 0, "orders": []}


def orders(point: str) -> list[dict[str, Any]]:
    """What this process is to do at `point` now."""
    try:
        stamp = ORDERS.stat().st_mtime_ns
        if stamp != _read["stamp"]:
            _read.update(orders=json.loads(ORDERS.read_text()), stamp=stamp)
    except OSError:
        return []
    service = PROCESS.partition(".")[0]
    return [order for order in _read["orders"] if order["point"] == point and order["process"] in {PROCESS, service}]


def claimed(order: dict[str, Any]) -> bool:
    """Whether this order may be carried out once more: `times` at most, in all processes together."""
    for number in range(order["times"]):
        try:
            os.close(os.open(FOLDER / f"{order['id']}.{number}", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        note(order)
        return True
    return False


def note(order: dict[str, Any]) -> None:
    """Leave a line about one act."""
    with (FOLDER / "hits").open("a") as hits:
        hits.write(f"{order['id']} {PROCESS} {os.getpid()}\n")


def reach(point: str) -> None:
    """Be at `point`: end, stop or wait here when an order says so."""
    for order in orders(point):
        if not claimed(order):
            continue
        if order["act"] == "wait":
            time.sleep(order["seconds"])
        elif order["seconds"]:
            # a little later, while the program goes on: in the middle of what begins here
            threading.Timer(order["seconds"] * random.random(), signal_self, [order["act"]]).start()
        else:
            signal_self(order["act"])


def signal_self(name: str) -> None:
    """Send a signal to this process."""
    os.kill(os.getpid(), signal.Signals[name])


def around(owner: Any, name: str, before: str = "", after: str = "", *, idle: Any = ()) -> None:
    """Make `before` and `after` the points on either side of a function, unless it returned `idle`."""
    original: Callable[..., Any] = getattr(owner, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        if before:
            reach(before)
        result = original(*args, **kwargs)
        if after and result is not idle:
            reach(after)
        return result

    setattr(owner, name, call)


def files(module: ModuleType) -> None:
    """`store` and `stored`: on either side of moving a file into place."""
    around(module.DurableStorage, "_save", "store", "stored")


def transactions(module: ModuleType) -> None:
    """`commit` and `committed`: the last moment before a transaction counts, and the first after it."""
    around(module.BaseDatabaseWrapper, "commit", "commit", "committed")


def queue(module: ModuleType) -> None:
    """`claimed`: a worker holds a lease and has not begun. `edited`: it is about to store the result of an edit."""
    around(module, "claim", after="claimed", idle=None)
    original = module.finish

    def finish(job: Any, made: Any) -> bool:
        if job.work == module.Work.EDIT:
            reach("edited")
        return bool(original(job, made))

    module.finish = finish  # type: ignore[attr-defined]


def children(module: ModuleType) -> None:
    """`decode`: a child has just got a picture; `edit`: to edit it. `child`: in the child itself, before it begins.

    An order at `child` may name the `size` of the one file that it is about.
    """
    schedule, original = module.Sandbox._schedule, module._run_limited

    async def begin(sandbox: Any, work: Any, *rest: Any) -> Any:
        future = await schedule(sandbox, work, *rest)
        reach("decode")
        if work.__name__ == "edit":
            reach("edit")
        return future

    module.Sandbox._schedule = begin

    def run(work: Any, cpu_seconds: int, source: Path, *rest: Any) -> Any:
        for order in orders("child"):
            if order["size"] in {0, source.stat().st_size} and claimed(order):
                time.sleep(order["seconds"] or 0.2)  # a crash comes once it is known who has the picture
                if order["act"] != "wait":
                    signal_self(order["act"])
        return original(work, cpu_seconds, source, *rest)

    run.__module__, run.__qualname__ = original.__module__, original.__qualname__
    module._run_limited = run  # type: ignore[attr-defined]


def messages(module: ModuleType) -> None:
    """`notify`: one message is about to leave on the channel layer. It may be dropped, doubled or delayed."""
    original = module.Departure.send

    async def send(departure: Any) -> None:
        reach("notify")
        for order in orders("messages"):
            note(order)
            if order["act"] == "drop":
                return
            if order["act"] == "double":
                await original(departure)
            elif order["act"] == "delay":  # each by its own time, so that they arrive out of order
                module.asyncio.get_running_loop().create_task(later(departure, order["seconds"] * random.random()))
                return
        await original(departure)

    async def later(departure: Any, seconds: float) -> None:
        await module.asyncio.sleep(seconds)
        await original(departure)

    module.Departure.send = send


def sockets(module: ModuleType) -> None:
    """`sockets`: the server closes each socket instead of writing the next text to it."""
    original = module.Audience._write

    def write(audience: Any, viewer: Any, message: dict[str, str]) -> None:
        for order in orders("sockets"):
            if claimed(order):
                message = {"type": "websocket.close", "code": 1000}  # type: ignore[dict-item]
        original(audience, viewer, message)

    module.Audience._write = write


def clock() -> float:
    """The time of day, which an order may have moved."""
    return real_time() + sum(order["seconds"] for order in orders("clock"))


PATCHES: dict[str, Callable[[ModuleType], None]] = {
    "django.db.backends.base.base": transactions,
    "imgs.disk": files,
    "imgs.jobs": queue,
    "imgs.sandbox": children,
    "imgs.notify": messages,
    "realtime.audience": sockets,
}


class PatchingLoader(importlib.abc.Loader):
    """Loads a module as its own loader does, then puts the points into it."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        PATCHES[module.__name__](module)


class PatchingFinder(importlib.abc.MetaPathFinder):
    """Finds the modules that have points in them."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in PATCHES:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec:
            spec.loader = PatchingLoader(spec.loader)
        return spec


sys.meta_path.insert(0, PatchingFinder())
time.time = clock
