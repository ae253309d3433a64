"""Runs compressions in child processes that can be killed, so that a hostile picture costs one card and nothing else.

pebble keeps the children. What it leaves to its user is here: limits on memory and CPU time, deadlines by the event
loop's clock (which stands still while a laptop sleeps), and a new pool when the old one broke, as it does for good
when somebody kills an idle child.
"""

import asyncio
import contextlib
import ctypes
import fcntl
import os
import resource
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context, parent_process, resource_tracker
from pathlib import Path
from typing import Any, TypeVar

from pebble import CONSTS, ProcessExpired, ProcessPool

from imgs.compression import CompressionError
from imgs.options import Options

T = TypeVar("T")
Work = Callable[[Path, Path, Options], T]

M_ARENA_MAX = -8  # mallopt's name for the number of arenas
PICTURES_PER_CHILD = 500  # then a fresh one: whatever leaks, leaks for a while only

CONSTS.term_timeout = 0  # pebble asks with SIGTERM first, which children don't hear: kill them at once


class ChildDied(Exception):
    """The child working on the picture crashed or was killed. Another attempt may go well."""


@dataclass(frozen=True)
class Limits:
    """What one picture may cost. 50 megapixels take up to 600 MB and 3 s (measured; AVIF is the dearest)."""

    seconds: float = 20
    cpu_seconds: int = 15
    memory_bytes: int = 1024 * 1024 * 1024


class Sandbox:
    """A pool of `children` processes (default: one per CPU) for one event loop. `start` it before use, `stop` it after.

    With `niceness` they leave the CPU to others, as far as the operating system knows how (0 to 19).
    """

    def __init__(self, children: int | None = None, *, limits: Limits | None = None, niceness: int = 0) -> None:
        self._children = children or os.cpu_count() or 1
        self._limits = limits or Limits()
        self._niceness = niceness
        self._idle_children = asyncio.Semaphore(self._children)
        self._at_work: set[Future[Any]] = set()
        self._started = False
        self._pool: ProcessPool | None = None

    def start(self) -> None:
        """Start the children; they import what they need while the caller goes on."""
        self._started = True
        self._open_pool()

    def stop(self) -> None:
        """Kill the children, in about 200 ms; whoever still awaits a picture gets ChildDied."""
        self._started = False
        pool, self._pool = self._pool, None
        _end(pool, self._at_work)

    async def run(self, work: Work[T], source: Path, folder: Path, options: Options) -> T:
        """Run `work` on the picture in `source` in a child as soon as one is idle; what it makes goes into `folder`.

        `work` must be importable by the child. Cancelling this kills the child at work. Raises what `work` raises,
        CompressionError too_complex when the picture hits a limit of memory or time, and ChildDied.
        """
        async with self._idle_children:
            try:
                return await self._run(work, source, folder, options)
            except BrokenProcessPool:  # somebody killed an idle child; the picture was not at fault
                pass
            try:
                return await self._run(work, source, folder, options)
            except BrokenProcessPool as error:
                raise ChildDied(str(error)) from None

    async def _run(self, work: Work[T], source: Path, folder: Path, options: Options) -> T:
        future = await self._schedule(work, source, folder, options)
        ended = asyncio.Event()
        wake = asyncio.get_running_loop().call_soon_threadsafe
        future.add_done_callback(lambda _future: wake(ended.set))
        self._at_work.add(future)
        try:
            async with asyncio.timeout(self._limits.seconds):
                await ended.wait()
        except TimeoutError:
            if not future.running():  # no child took it
                await self._close_pool()
                raise BrokenProcessPool("no child took the picture") from None
            raise CompressionError("too_complex") from None
        finally:
            self._at_work.discard(future)
            future.cancel()  # when it isn't done, this kills the child
        return _result(future)

    async def _schedule(self, work: Work[T], source: Path, folder: Path, options: Options) -> Future[T]:
        if self._started and self._pool and not self._pool.active:
            await self._close_pool()
        if not self._started:
            raise ChildDied("the sandbox is not running")
        pool = self._pool or self._open_pool()
        try:
            return pool.schedule(_run_limited, (work, self._limits.cpu_seconds, source, folder, options))
        except RuntimeError as error:  # it broke this very moment
            raise BrokenProcessPool(str(error)) from None

    def _open_pool(self) -> ProcessPool:
        self._pool = _new_pool(self._children, self._limits.memory_bytes, self._niceness)
        with _deaf():
            if not self._pool.active:  # asking starts it
                raise BrokenProcessPool("the children do not start")
        return self._pool

    async def _close_pool(self) -> None:
        pool, self._pool = self._pool, None
        await asyncio.to_thread(_end, pool, set(self._at_work))


def _end(pool: ProcessPool | None, at_work: set[Future[Any]]) -> None:
    """Kill a pool's children, in about 200 ms, and cancel what they were at."""
    if pool is not None:
        pool.stop()  # type: ignore[no-untyped-call]
        pool.join()
    for future in at_work:
        future.cancel()


def _result(future: Future[T]) -> T:
    try:
        return future.result()
    except MemoryError:
        raise CompressionError("too_complex") from None
    except ProcessExpired as error:
        if error.exitcode == -signal.SIGXCPU:
            raise CompressionError("too_complex") from None
        raise ChildDied(f"exit code {error.exitcode}") from None
    except CancelledError:
        raise ChildDied("the sandbox was stopped") from None


def _new_pool(children: int, memory_bytes: int, niceness: int) -> ProcessPool:
    context = get_context("forkserver")  # a plain fork would inherit the listening socket and a copy of everything
    context.set_forkserver_preload([__name__])
    return ProcessPool(
        max_workers=children,
        max_tasks=PICTURES_PER_CHILD,
        initializer=_prepare_child,
        initargs=(memory_bytes, niceness),
        context=context,
    )


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Processes started in here never hear SIGINT and SIGTERM, which terminals and systemd send to all processes of a
    service: their parent lets them finish their pictures and then ends them.
    """
    resource_tracker.ensure_running()  # starting it later would let SIGINT through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _prepare_child(memory_bytes: int, niceness: int) -> None:
    _die_with_parent()
    os.nice(niceness)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(AttributeError):  # glibc's alone
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)  # or each thread of a decoder would reserve 64 MB of the limit
    with contextlib.suppress(OSError, ValueError):  # macOS knows no limit on memory
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def _die_with_parent() -> None:
    """Have Linux end this process, whatever it is at, when its parent is gone: a pipe from there closes then.

    macOS leaves SIGIO unheard; there the child ends after its picture.
    """
    parent = parent_process()
    assert parent
    fcntl.fcntl(parent.sentinel, fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(parent.sentinel, fcntl.F_GETFL)
    fcntl.fcntl(parent.sentinel, fcntl.F_SETFL, flags | os.O_ASYNC)  # SIGIO: it ends who does not handle it


def _run_limited(work: Work[T], cpu_seconds: int, source: Path, folder: Path, options: Options) -> T:
    """In the child: the limit on CPU time counts from its start, so each picture gets what was used plus its own."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(usage.ru_utime + usage.ru_stime) + 1 + cpu_seconds, hard))
    try:
        return work(source, folder, options)
    finally:
        resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))
