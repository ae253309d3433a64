"""One replica of one service: started, watched, started again, stopped; its pid and its log in files."""

import asyncio
import ctypes
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from deploy.fleet.compose import ComposeError, Service
from deploy.fleet.images import Launch

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 10.0
SETTLED_SECONDS = 10.0  # whoever ran this long is started again without a pause growing
STARTS_BEFORE_GIVING_UP = 3
PR_SET_PDEATHSIG = 1


class Process:
    """`start()`, then await `ready` or `ended`; `stop()` in the end. `healthy` is what the healthcheck said last."""

    def __init__(self, name: str, service: Service, launch: Launch, check: list[str], folder: Path) -> None:
        self.name = name
        self.service = service
        self.log = folder / f"{name}.log"
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ready.add_done_callback(lambda ready: ready.cancelled() or ready.exception())  # nobody may be waiting
        self._launch = launch
        self._check = check
        self._pid_file = folder / f"{name}.pid"
        self._hold_file = folder / f"{name}.hold"
        self._child: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._program = shutil.which(launch.command[0], path=launch.environment["PATH"]) or launch.command[0]

    def start(self) -> None:
        """Begin; `ready` is done when the service is healthy, or has done its work if it is one that ends."""
        self.log.write_bytes(b"")
        self._tasks.append(asyncio.create_task(self._keep_running()))
        if self.service.healthcheck:
            self._tasks.append(asyncio.create_task(self._watch_health()))

    async def stop(self) -> None:
        """Ask it to end, insist after its grace, and leave nothing of it behind."""
        self._stopping.set()
        child = self._child
        if child and child.returncode is None:
            _signal(child.pid, signal.Signals[self.service.stop_signal])
            _signal(child.pid, signal.SIGCONT)  # one that somebody suspended could not hear it otherwise
            try:
                await asyncio.wait_for(child.wait(), self.service.stop_grace_seconds)
            except TimeoutError:
                say(f"{self.name} did not stop within {self.service.stop_grace_seconds:g} s and was killed")
                _signal_group(child.pid, signal.SIGKILL)
        for task in self._tasks[1:]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def kill(self) -> None:
        """End it at once."""
        if self._child and self._child.returncode is None:
            _signal_group(self._child.pid, signal.SIGKILL)

    async def _keep_running(self) -> None:
        """Start it as often as its restart policy says."""
        pause, starts = FIRST_PAUSE_SECONDS, 0
        while not self._stopping.is_set():
            await self._wait_while_held()
            if self._stopping.is_set():
                return
            began = time.monotonic()
            code = await self._run_once()
            starts += 1
            if self._stopping.is_set() or self._is_done(code):
                return
            if not self.ready.done() and starts == STARTS_BEFORE_GIVING_UP:
                self._fail(f"ended with {_reason(code)} {starts} times before it was ready")
                return
            pause = FIRST_PAUSE_SECONDS if time.monotonic() - began > SETTLED_SECONDS else pause
            say(f"{self.name} ended with {_reason(code)}; starting it again")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _wait_while_held(self) -> None:
        """An outage can be made to last: whoever has a file `<name>.hold` is not started before it is gone."""
        while self._hold_file.exists() and not self._stopping.is_set():  # noqa: ASYNC110 (others make the file)
            await asyncio.sleep(FIRST_PAUSE_SECONDS)

    def _is_done(self, code: int) -> bool:
        """Whether it is not to be started again after it ended with `code`."""
        if self.service.restart != "no":
            return False
        if code == 0 and not self.ready.done():
            self.ready.set_result(None)
        elif code:
            self._fail(f"ended with {_reason(code)}")
        return True

    async def _run_once(self) -> int:
        with self.log.open("ab") as log:
            self._child = await asyncio.create_subprocess_exec(
                self._program,
                *self._launch.command[1:],
                cwd=self._launch.folder,
                env=self._launch.environment,
                user=self._launch.user,
                group=self._launch.user,
                extra_groups=[] if self._launch.user else None,
                pass_fds=self._launch.open_files,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_parent(signal.Signals[self.service.stop_signal]),
            )
        if self._stopping.is_set():
            self.kill()
        unfinished = self._pid_file.with_suffix(".new")
        unfinished.write_text(f"{self._child.pid}\n")
        unfinished.replace(self._pid_file)
        if not (self.service.healthcheck or self.service.restart == "no" or self.ready.done()):
            self.ready.set_result(None)
        code = await self._child.wait()
        self._pid_file.unlink(missing_ok=True)
        _signal_group(self._child.pid, signal.SIGKILL)  # like a container, it takes its children along
        return code

    async def _watch_health(self) -> None:
        """Ask as often as the healthcheck says; report each change."""
        check = self.service.healthcheck
        assert check
        began, failures, healthy = time.monotonic(), 0, False
        while True:
            starting = not healthy and time.monotonic() - began < check.start_period
            await asyncio.sleep(check.start_interval if starting else check.interval)
            if await self._is_healthy(check.timeout):
                if failures >= check.retries:
                    say(f"{self.name} is healthy again")
                failures, healthy = 0, True
                if not self.ready.done():
                    self.ready.set_result(None)
            elif not starting:
                failures += 1
                if failures == check.retries:
                    say(f"{self.name} is unhealthy")
                    self._fail("did not become healthy")

    async def _is_healthy(self, timeout_seconds: float) -> bool:
        program = shutil.which(self._check[0], path=self._launch.environment["PATH"]) or self._check[0]
        quiet = asyncio.subprocess.DEVNULL
        try:
            asked = await asyncio.create_subprocess_exec(
                program,
                *self._check[1:],
                cwd=self._launch.folder,
                env=self._launch.environment,
                stdin=quiet,
                stdout=quiet,
                stderr=quiet,
            )
        except OSError:
            return False
        try:
            return await asyncio.wait_for(asked.wait(), timeout_seconds) == 0
        except TimeoutError:
            return False
        finally:
            if asked.returncode is None:
                with suppress(ProcessLookupError):
                    asked.kill()

    def _fail(self, how: str) -> None:
        if not self.ready.done():
            last = b"\n".join(self.log.read_bytes().splitlines()[-15:]).decode(errors="replace")
            self.ready.set_exception(ComposeError(f"{self.name} {how}; the end of {self.log}:\n{last}"))


def say(text: str) -> None:
    """One line for whoever watches the fleet."""
    print(f"fleet: {text}", flush=True)  # noqa: T201 (this is a command)


def _reason(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _end_with_parent(number: signal.Signals) -> Callable[[], object] | None:
    """Linux can end a process with the one that started it, so that a killed fleet leaves no service behind."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, int(number))
