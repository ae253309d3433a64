"""`python -m deploy.fleet` runs until interrupted. It reads PORT, WEB, WORKER, DATA_DIR and what compose reads."""

import asyncio
import fcntl
import json
import os
import resource
import secrets
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from deploy.fleet import images
from deploy.fleet.compose import ComposeError, Service, read
from deploy.fleet.loopback import Loopback, choose_ports
from deploy.fleet.process import Process, say

LONGEST_STOP_SECONDS = 18.0
OPEN_FILES = 65536  # as docker-compose.yml gives its services: every websocket is one, at nginx two


class Fleet:
    """All services of the compose file, each in as many processes as `replicas` says."""

    def __init__(
        self, services: Mapping[str, Service], replicas: Mapping[str, int], folder: Path, scratch: Path
    ) -> None:
        images.check_installed(services)
        self.services = services
        folders = {"/data": folder / "data", "/var/cache/nginx": folder / "nginx" / "cache"}
        self._loopback = Loopback(services, choose_ports(services, replicas), folders)
        self._replicas = replicas
        self._folder = folder
        self._scratch = scratch
        self._processes: dict[str, list[Process]] = {name: [] for name in services}

    @property
    def address(self) -> str:
        """Where people find the gallery."""
        return f"http://127.0.0.1:{self._loopback.ports['nginx'][0]}/"

    async def start(self) -> None:
        """Start every service after those it depends on; return when all are ready."""
        (self._folder / "data" / "media").mkdir(parents=True, exist_ok=True)
        (self._folder / "ports.json").write_text(json.dumps(self._numbered_ports(), indent=1) + "\n")
        starting: dict[str, asyncio.Task[None]] = {}

        async def start_one(service: Service) -> None:
            for other in service.depends_on:
                await asyncio.shield(starting[other])
            if service.name == "web":
                await building  # the static files it serves; all else can do without them
            await self._start_service(service)

        async with asyncio.TaskGroup() as group:
            environment = self._loopback.environment(self.services["web"], 1)
            building = group.create_task(asyncio.to_thread(images.build, environment))
            for service in self.services.values():
                starting[service.name] = group.create_task(start_one(service))

    async def stop(self) -> None:
        """Stop every service before those it depends on."""
        stopping: dict[str, asyncio.Task[None]] = {}

        async def stop_one(service: Service) -> None:
            dependents = [name for name, other in self.services.items() if service.name in other.depends_on]
            for name in dependents:
                await asyncio.shield(stopping[name])
            await asyncio.gather(*(process.stop() for process in self._processes[service.name]))

        for service in self.services.values():
            stopping[service.name] = asyncio.create_task(stop_one(service))
        await asyncio.gather(*stopping.values())

    def kill(self) -> None:
        """End what is left, at once."""
        for processes in self._processes.values():
            for process in processes:
                process.kill()

    async def _start_service(self, service: Service) -> None:
        for number in range(1, self._replicas.get(service.name, 1) + 1):
            name = f"{service.name}.{number}"
            launch = await asyncio.to_thread(
                images.launch, service, number, self._loopback, self._folder, self._scratch / name
            )
            test = service.healthcheck.test if service.healthcheck else []
            check = self._loopback.command(test, service, number)
            process = Process(name, service, launch, check, self._folder)
            self._processes[service.name].append(process)
            process.start()
        await asyncio.gather(*(process.ready for process in self._processes[service.name]))

    def _numbered_ports(self) -> dict[str, int]:
        ports = self._loopback.ports.items()
        return {f"{name}.{number}": port for name, own in ports for number, port in enumerate(own, start=1)}


async def run(fleet: Fleet) -> None:
    """Start `fleet`, say where it is, stop it at SIGINT or SIGTERM. Raises ComposeError when it can't be started."""
    interrupted = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupted.set)
    starting = asyncio.create_task(fleet.start())
    waiting = asyncio.create_task(interrupted.wait())
    try:
        await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            say(f"ready: {fleet.address}")
        else:
            starting.cancel()
        await waiting
    finally:
        say("stopping")
        await asyncio.gather(starting, return_exceptions=True)
        try:
            await asyncio.wait_for(fleet.stop(), LONGEST_STOP_SECONDS)
        finally:
            fleet.kill()


def settings(folder: Path) -> dict[str, str]:
    """The variables for the compose file: the environment, else what is made once and kept, else `.env`."""
    kept = folder / "secrets.json"
    if not kept.exists():
        kept.touch(mode=0o600)
        kept.write_text(json.dumps({name: secrets.token_hex(32) for name in ("SECRET_KEY", "POSTGRES_PASSWORD")}))
    written = images.PROJECT / ".env"
    lines = written.read_text().splitlines() if written.exists() else []
    pairs = (line.partition("=") for line in lines if "=" in line and not line.lstrip().startswith("#"))
    dotenv = {name.strip(): value.strip() for name, _, value in pairs}
    return {"ALLOWED_HOSTS": "localhost,127.0.0.1", **dotenv, **json.loads(kept.read_text()), **os.environ}


def lock(folder: Path) -> TextIO:
    """Hold `folder` for this process alone, until the returned file is closed."""
    file = (folder / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise ComposeError(f"another fleet runs in {folder}") from None
    for stale in (*folder.glob("*.pid"), *folder.glob("*.hold")):
        stale.unlink()
    return file


def scale(variable: str) -> int:
    """How many processes the environment asks for."""
    asked = os.environ.get(variable, "2")
    if not asked.isdecimal() or int(asked) < 1:
        raise ComposeError(f"{variable} must be a whole number from 1")
    return int(asked)


def allow_open_files() -> None:
    """Raise the number of files that services may open, as far as this machine permits."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(now, wanted), most))


def main() -> None:
    """Read the settings, run the fleet; a failure is one line on standard error and exit code 1."""
    folder = (images.PROJECT / os.environ.get("DATA_DIR", "var")).resolve() / "fleet"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        allow_open_files()
        replicas = {name: scale(name.upper()) for name in ("web", "worker")}
        with lock(folder), tempfile.TemporaryDirectory(prefix="dinding-", ignore_cleanup_errors=True) as scratch:
            services = read(images.PROJECT / "docker-compose.yml", settings(folder))
            asyncio.run(run(Fleet(services, replicas, folder, Path(scratch))))
    except (ComposeError, OSError, ValueError, ExceptionGroup) as problem:
        while isinstance(problem, ExceptionGroup):
            problem = problem.exceptions[0]
        sys.exit(f"fleet: {problem}")


if __name__ == "__main__":
    main()
