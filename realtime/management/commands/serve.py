"""Serve the gallery: pages, websockets and, unless told otherwise, compression, in one process."""

import daphne.server  # noqa: F401, I001 (first: it installs the asyncio reactor)

import asyncio
import errno
import hashlib
import multiprocessing.util
import socket
import sys
import tempfile
from argparse import ArgumentParser, ArgumentTypeError
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import BaseCommand, call_command
from django.db import DatabaseError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _

from imgs.disk import is_full, keep_reserve, release_reserve
from realtime.server import STOP_SECONDS, Server, listen
from realtime.threads import in_database

if TYPE_CHECKING:
    from realtime.worker import CompressionWorker

EVERY_ADDRESS = {"0.0.0.0", "::", ""}  # noqa: S104


class Command(BaseCommand):
    """`manage.py serve`, what `make run` and the service `web` run."""

    help = "Serve pages, websockets and compression until interrupted."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where to listen, and whether to compress here."""
        parser.add_argument("--host", default=settings.HOST, help="the address to listen on (HOST)")
        parser.add_argument(
            "--port",
            default=settings.PORT,
            type=port_number,
            help="the port to listen on (PORT); 0 for any free one",
        )
        parser.add_argument("--without-worker", action="store_true", help="leave compression to `runworker compress`")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Prepare, serve, and leave with the server's exit code."""
        try:
            make_folders()
            listener = take_port(options["host"], options["port"])
            if not settings.FLEET:
                migrate()
                keep_reserve()
                collect_static_files()
            code = self.serve(listener, with_worker=not options["without_worker"])
        except KeyboardInterrupt:
            code = 0
        sys.exit(code)

    def serve(self, listener: socket.socket, *, with_worker: bool) -> int:
        """Serve until told to stop. Returns the exit code."""
        # Importing the application builds the middleware, which reads the static files: not before they are collected
        from imgs import epochs  # noqa: PLC0415
        from imgs.notify import outbox  # noqa: PLC0415
        from realtime.routing import application  # noqa: PLC0415

        worker = make_worker() if with_worker else None

        async def start() -> None:
            outbox.attach(asyncio.get_running_loop())
            with suppress(DatabaseError):  # each hub looks again when it starts
                await in_database(epochs.check)
            if worker:
                await worker.start()

        async def stop() -> None:
            if worker:
                await worker.stop(STOP_SECONDS)

        address = address_of(*listener.getsockname()[:2])
        server = Server(
            application,
            listener,
            max_body_bytes=settings.UPLOAD_BODY_MAX_BYTES,
            on_start=start,
            on_ready=lambda: self.announce(address),
            on_stop=stop,
        )
        return server.run()

    def announce(self, address: str) -> None:
        """Say that the gallery is open, and where."""
        self.stdout.write(_("The gallery is open: %s") % address)
        self.stdout.write(_("The wall for a big screen: %s") % f"{address}wall/")
        self.stdout.flush()


def port_number(raw: str) -> int:
    """The number of a port, for argparse."""
    if not raw.isdecimal() or int(raw) > 65535:
        raise ArgumentTypeError("must be a whole number from 0 to 65535")
    return int(raw)


def make_worker() -> "CompressionWorker":
    """The worker of this process. A server without one needs no Pillow."""
    from realtime.worker import CompressionWorker  # noqa: PLC0415

    return CompressionWorker()


def make_folders() -> None:
    """Make the folders that hold data. Ends the process with one line when that can't be done."""
    try:
        for folder in (settings.MEDIA_ROOT, settings.FILE_UPLOAD_TEMP_DIR):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
    except OSError as error:
        reason = error.strerror or str(error)
        sys.exit(
            f"dinding: can't write to {settings.DATA_DIR} ({reason}). Give this user the right to, or choose another "
            "folder: DATA_DIR=/path/to/folder make run"
        )
    multiprocessing.util.get_temp_dir()  # chosen now: sockets of children don't belong among bodies, nor in a long path
    tempfile.tempdir = str(settings.FILE_UPLOAD_TEMP_DIR)  # bodies of uploads arrive on the disk that keeps them


def take_port(host: str, port: int) -> socket.socket:
    """A socket listening there. Ends the process with one line when that can't be done."""
    try:
        return listen(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            free = port + 1 if port < 65535 else port - 1
            sys.exit(f"dinding: port {port} is taken by another program. Choose another one: PORT={free} make run")
        sys.exit(f"dinding: can't listen on {host}, port {port}: {error.strerror or error}. Change HOST or PORT.")


def migrate() -> None:
    """Bring the database up to date. Ends the process with one line when there is no database to be had."""
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):  # ten times cheaper than the command itself
            call_command("migrate", interactive=False, verbosity=0)
    except OperationalError as error:
        if is_full(error) and release_reserve():
            migrate()
            return
        sys.exit(f"dinding: can't use the database {connection.settings_dict['NAME']}: {str(error).strip()}")


def collect_static_files() -> None:
    """Copy, name and compress the static files when one of them changed since the last time."""
    mark = Path(settings.STATIC_ROOT) / "collected"
    now = fingerprint_of_static_files()
    if mark.is_file() and mark.read_text() == now:
        return
    mark.unlink(missing_ok=True)
    call_command("collectstatic", interactive=False, verbosity=0)
    mark.write_text(now)


def fingerprint_of_static_files() -> str:
    """A hash over name, size and time of every static file, and over the way they are stored."""
    facts = [repr(settings.STORAGES["staticfiles"])]
    for finder in get_finders():
        for name, storage in finder.list([]):
            status = Path(storage.path(name)).stat()
            facts.append(f"{storage.path(name)} {status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\n".join(sorted(facts)).encode()).hexdigest()


def address_of(host: str, port: int) -> str:
    """The address to open: the machine's own on the network when the server listens on all of them."""
    if host in EVERY_ADDRESS:
        host = next(iter(settings.MACHINE_ADDRESSES), "127.0.0.1")
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"
