"""Where one worker process compresses: claimed rows in, finished rows out, one at a time for each child."""

import asyncio
import logging
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError

from imgs import jobs
from imgs.compression import CompressionError, compress, edit, render
from imgs.disk import is_full
from imgs.jobs import Job
from imgs.models import UploadedImage
from imgs.outages import Outage
from imgs.results import Made
from imgs.sandbox import ChildDied, Sandbox
from realtime.threads import in_database

RENEW_SECONDS = jobs.LEASE_SECONDS / 3
NICENESS = 10
AWAY_SECONDS = 2.0  # without claiming, after the disk had no room or was not there; the next attempt tells

T = TypeVar("T")

log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Another worker holds the image now, or it was removed."""


@dataclass(frozen=True)
class Lane:
    """Children for some kinds of work, so that what can wait never keeps a child from what somebody waits for."""

    works: tuple[str, ...]
    children: int
    sandbox: Sandbox
    running: set[asyncio.Task[None]] = field(default_factory=set)


class Workshop:
    """Claims images, has children work on them that can be killed, and finishes them while it holds their leases."""

    def __init__(self, children: int | None = None) -> None:
        children = children or os.cpu_count() or 1
        later = max(1, children // 2)
        self._lanes = (
            Lane(jobs.SEEN_FIRST, children, Sandbox(children)),
            Lane(jobs.SEEN_LATER, later, Sandbox(later, niceness=NICENESS)),
        )
        self._fills: set[asyncio.Task[None]] = set()
        self._claiming = asyncio.Lock()
        self._database = Outage(log, "the database")
        self._room = Outage(log, "room on the disk")
        self._storage = Outage(log, "the storage of pictures")
        self._claim_after = 0.0  # by time.monotonic()
        self._owed: set[Job] = set()  # to be handed back as soon as the database has room for that
        self._open = True

    async def fill(self) -> None:
        """Claim a waiting image for every free child. What goes wrong now goes right at a later tick."""
        try:
            async with self._claiming:
                await self.hand_back_owed()
                for lane in self._lanes:
                    while self._may_claim(lane):
                        job = await in_database(jobs.claim, lane.works)
                        self._database.over()
                        if job is None:
                            break
                        if not self._open:  # the stop came while the claim was under way
                            await in_database(jobs.hand_back, job)
                            return
                        task = asyncio.create_task(self._work(lane, job))
                        lane.running.add(task)
                        task.add_done_callback(lane.running.discard)
        except DatabaseError as error:
            (self._room if is_full(error) else self._database).noticed(error)

    def _may_claim(self, lane: Lane) -> bool:
        return self._open and len(lane.running) < lane.children and time.monotonic() > self._claim_after

    def start(self) -> None:
        """Start the children."""
        for lane in self._lanes:
            lane.sandbox.start()

    async def stop(self, seconds: float) -> None:
        """Claim no more; let what runs finish for `seconds`, then hand it back; end the children."""
        self._open = False
        async with self._claiming:
            pass  # a claim under way ends first
        running = [task for lane in self._lanes for task in lane.running]
        if running:
            _done, late = await asyncio.wait(running, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        with suppress(DatabaseError):
            await self.hand_back_owed()
        for lane in self._lanes:
            lane.sandbox.stop()

    async def hand_back_owed(self) -> None:
        """Hand back what could not be handed back before. Raises a database error when it still can't."""
        for job in list(self._owed):
            await in_database(jobs.hand_back, job)
            self._owed.discard(job)

    async def _work(self, lane: Lane, job: Job) -> None:
        """Bring one job to an end, whatever happens, and look for the next."""
        try:
            await self._do(lane.sandbox, job)
            self._room.over()
            self._storage.over()
        except asyncio.CancelledError:
            await asyncio.shield(in_database(jobs.hand_back, job))
            raise
        except LeaseLost:
            log.info("another worker took over", extra={"image": str(job.image)})
        except Exception as error:  # noqa: BLE001 (the one boundary: no picture and no outage may stop the worker)
            await self._end_attempt(job, error)
        asyncio.get_running_loop().call_soon(self._look_again)

    async def _do(self, sandbox: Sandbox, job: Job) -> None:
        try:
            with workplace(job) as folder:
                made = await self._under_lease(job, _made(sandbox, job, folder))
                await self._under_lease(job, in_database(jobs.finish, job, made))  # a lock may be waited for
        except CompressionError as error:
            await in_database(jobs.fail, job, error.code)
        except ChildDied:
            log.warning("a child died over a picture", extra={"image": str(job.image), "attempt": job.attempt})
            await in_database(jobs.retry_later, job)

    async def _under_lease(self, job: Job, step: Coroutine[Any, Any, T]) -> T:
        """Await a step of the job and hold the lease meanwhile. Raises LeaseLost, with the step cancelled."""
        work = asyncio.ensure_future(step)
        try:
            while True:
                done, _pending = await asyncio.wait({work}, timeout=RENEW_SECONDS)
                if done:
                    return work.result()
                if not await in_database(jobs.renew, job):
                    raise LeaseLost
        finally:
            work.cancel()

    async def _end_attempt(self, job: Job, error: Exception) -> None:
        """Count the attempt against the picture, unless something underneath was away."""
        if outage := await self._outage_behind(error, job):
            outage.noticed(error)
            if outage is not self._database:
                self._claim_after = time.monotonic() + AWAY_SECONDS
            self._owed.add(job)
            with suppress(DatabaseError):  # else at the next tick
                await self.hand_back_owed()
            return
        log.warning("an attempt failed", extra={"image": str(job.image), "error": f"{type(error).__name__}: {error}"})
        is_lost = isinstance(error, FileNotFoundError) and not await asyncio.to_thread(os.path.exists, job.source)
        code = jobs.ORIGINAL_MISSING if is_lost else jobs.PROCESSING_FAILED
        with suppress(DatabaseError):  # else the lease runs out, and the next claim or give_up ends the job
            await in_database(jobs.retry_later, job, code)

    async def _outage_behind(self, error: Exception, job: Job) -> Outage | None:
        """What was away when an attempt failed; None when nothing was."""
        if is_full(error):
            return self._room
        if isinstance(error, (OperationalError, InterfaceError)):
            return self._database
        if isinstance(error, OSError) and not await asyncio.to_thread(_storage_works, job):
            return self._storage
        return None

    def _look_again(self) -> None:
        if self._open:
            task = asyncio.create_task(self.fill())
            self._fills.add(task)
            task.add_done_callback(self._fills.discard)


def _storage_works(job: Job) -> bool:
    """Whether pictures can be stored and the folder that the job's is in can be read, whatever became of that one."""
    try:
        with tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR):
            return stat.S_ISDIR(job.source.parent.stat().st_mode)
    except OSError:
        return False


@contextmanager
def workplace(job: Job) -> Iterator[Path]:
    """A folder beside the media for what a child makes of a picture, gone when the block ends."""
    folder = Path(settings.FILE_UPLOAD_TEMP_DIR) / f"{job.token.hex}.made"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _made(sandbox: Sandbox, job: Job, folder: Path) -> Made:
    """What a child makes for a job."""
    if job.work == UploadedImage.Work.RENDITIONS:
        return Made(folder, renditions=await sandbox.run(render, job.source, folder, job.options))
    if job.work == UploadedImage.Work.EDIT:
        return Made(folder, *await sandbox.run(edit, job.source, folder, job.options))
    return Made(folder, await sandbox.run(compress, job.source, folder, job.options))
