"""Processes and their children that end, stand still, or have a wrong clock."""

import asyncio
import os
import random
import signal
from functools import partial
from pathlib import Path

from tests.faults.leftovers import STRAYS
from tests.faults.load import Upload, picture
from tests.faults.orders import Order
from tests.faults.trial import Trial
from tests.faults.waiting import all_run, ended, happens, is_ready

WEB = ("web.1", "web.2")
DEADLINE_SECONDS = 20  # of a child for one picture


async def kill_at(trial: Trial, service: str, point: str, *, seconds: float = 0) -> None:
    """kill -9 whichever process of a service reaches a point first."""
    await killed(trial, trial.stack.orders.give(point, service, "SIGKILL", times=1, seconds=seconds))


async def killed(trial: Trial, order: Order) -> None:
    """Return when an order has killed a process, and all run again."""
    trial.expected.leftovers = STRAYS
    (pid,) = await trial.stack.orders.carried_out(order)
    await happens(lambda: not Path(f"/proc/{pid}").exists())
    await all_run(trial)


async def terminate(trial: Trial, service: str) -> None:
    """SIGTERM under load: what an update does to one process after the other."""
    for number in (1, 2):
        name = f"{service}.{number}"
        pid = trial.stack.send(name, signal.SIGTERM)
        await happens(partial(trial.stack.runs_anew, name, pid))
        if service == "web":
            await happens(partial(is_ready, trial.stack.web_address(number)))


async def suspend_worker(trial: Trial, points: str, seconds: float) -> None:
    """A worker sleeps past its lease; another takes its picture; it wakes and must not finish over that one."""
    order = trial.stack.orders.give(random.choice(points.split()), "worker", "SIGSTOP", times=1)
    (pid,) = await trial.stack.orders.carried_out(order)
    await asyncio.sleep(seconds)
    os.kill(pid, signal.SIGCONT)
    await asyncio.sleep(0.5)


async def suspend_web(trial: Trial) -> None:
    """A web process stands still with its sockets open."""
    pid = trial.stack.send("web.1", signal.SIGSTOP)
    await asyncio.sleep(trial.outage(3, 8))
    os.kill(pid, signal.SIGCONT)


async def restart_web(trial: Trial) -> None:
    """Both web processes restart at once, and every client comes back at once."""
    pids = {name: trial.stack.send(name, signal.SIGTERM) for name in WEB}
    for name, pid in pids.items():
        await happens(partial(trial.stack.runs_anew, name, pid))


async def restart_server(trial: Trial) -> None:
    """SIGTERM under load, and a new process in its place."""
    pid = trial.stack.send("serve.1", signal.SIGTERM)
    await happens(partial(trial.stack.runs_anew, "serve.1", pid))


async def crash_children(trial: Trial, service: str = "worker") -> None:
    """The decoder crashes: the child, not the worker, is gone."""
    order = trial.stack.orders.give("child", service, "SIGSEGV", times=2)
    await trial.stack.orders.carried_out(order)
    await asyncio.sleep(0.5)


async def hang_child(trial: Trial) -> None:
    """A decoder hangs. Past its deadline it is killed and its picture fails; no other picture waits for that."""
    upload = Upload(picture(351, 233))
    seconds = trial.outage(8, 30)
    trial.stack.orders.give("child", "worker", "wait", times=1, seconds=seconds, size=len(upload.content))
    await trial.load.send(upload)
    await asyncio.sleep(seconds)
    if seconds > DEADLINE_SECONDS:
        trial.expected.ends[upload.image] = "too_complex"


async def poison(trial: Trial) -> None:
    """One picture among 50 crashes whoever decodes it."""
    hostile = Upload(picture(1800, 1400), "poison.jpg")  # no good one has as many bytes
    trial.stack.orders.give("child", "worker", "SIGSEGV", size=len(hostile.content))
    good = [Upload(picture()) for _ in range(50)]
    mixed = [*good[:25], hostile, *good[25:]]
    for start in range(0, len(mixed), 5):
        await asyncio.gather(*(trial.load.send(upload) for upload in mixed[start : start + 5]))
    trial.expected.ends[hostile.image] = "processing_failed"
    await ended(trial, hostile.image)


async def clock_wrong(trial: Trial, process: str, seconds: float) -> None:
    """The clock of one machine is two hours off; what it signs must work everywhere meanwhile."""
    trial.stack.orders.give("clock", process, seconds=seconds)
    await asyncio.sleep(trial.outage(2, 4))
    for screen in trial.screens[:3]:
        for card in [card for card in screen.cards.values() if card["status"] == "ready"][-3:]:
            assert await screen.can_show(card), "a picture can't be fetched while a clock is wrong"
