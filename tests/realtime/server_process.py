"""A server in a process of its own, for tests that need real sockets, signals and a memory of its own to measure.

As a program: serves a small application on a free port, prints the port, and runs until it is told to stop.
"""

import argparse
import asyncio
import errno
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MAX_BODY_BYTES = 5 * 1024 * 1024 + 64 * 1024


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Echo websockets; answer HTTP with the number of bytes received, slowly or never where the path says so."""
    if scope["type"] == "websocket":
        await echo(receive, send)
        return
    print("called", scope["path"], flush=True)
    size = 0
    while (message := await receive())["type"] == "http.request":
        size += len(message["body"])
        if not message["more_body"]:
            break
    if scope["path"] == "/slow":
        await asyncio.sleep(1)
    if scope["path"] == "/large":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(400):
            await send({"type": "http.response.body", "body": bytes(100_000), "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return
    if scope["path"] == "/stuck":
        await asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)
    if scope["path"] == "/broken":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
    if scope["path"] in {"/broken", "/failing"}:
        raise LookupError("an application that fails")
    await respond(send, str(size), 422 if scope["path"] == "/odd" else 200)


async def echo(receive: Any, send: Any) -> None:
    """Accept a websocket and send every text back.

    `close 1008` closes with that code, `size 70000` sends a text of that size, `flood` more than any buffer takes.
    `deaf` takes no more messages.
    """
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        text = message["text"]
        if text.startswith("close "):
            await send({"type": "websocket.close", "code": int(text.removeprefix("close "))})
        elif text.startswith("size "):
            await send({"type": "websocket.send", "text": "é" * int(text.removeprefix("size "))})
        elif text == "deaf":
            print("deaf", flush=True)
            await asyncio.Event().wait()
        elif text == "flood":
            for _ in range(400):
                await send({"type": "websocket.send", "text": "x" * 100_000})
        else:
            await send({"type": "websocket.send", "text": text})
    print("disconnected", flush=True)


async def respond(send: Any, text: str, status: int = 200) -> None:
    """A small complete answer."""
    headers = [(b"content-length", str(len(text)).encode()), (b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})


class ServerProcess:
    """A running server: its port, its output, its memory."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self.port = int(self.wait_for_line("serving on ").removeprefix("serving on "))

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid

    def order(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def wait_for_line(self, text: str) -> str:
        """The next line of output with `text` in it."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if text in line:
                return line.rstrip("\n")
        raise AssertionError(f"no line with {text!r}:\n" + "\n".join(self.lines))

    def peak_memory_bytes(self) -> int:
        """The most memory it ever held (resident set)."""
        return memory_line(self.pid, "VmHWM")

    def memory_bytes(self) -> int:
        """The memory it holds now (resident set)."""
        return memory_line(self.pid, "VmRSS")

    def cpu_seconds(self) -> float:
        """The processor time used up to now."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end. Returns the exit code; the rest of the output is in `lines`."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for the end. Returns the exit code."""
        assert self.process.stdout
        self.lines += self.process.stdout.read().splitlines()
        return self.process.wait()


def memory_line(pid: int, name: str) -> int:
    """One of the figures of /proc/<pid>/status, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(name + ":"))


@contextmanager
def started(directory: Path, *arguments: str, server: str = "daphne") -> Iterator[ServerProcess]:
    """Start the server with its data in `directory`; it is gone when the block ends."""
    command = [sys.executable, "-m", "tests.realtime.server_process", server, *arguments]
    environment = {**os.environ, "DATA_DIR": str(directory), "LANGUAGE_CODE": "en", "PYTHONUNBUFFERED": "1"}
    environment["HEARTBEAT_SECONDS"] = "3600"  # none comes between what a test sends
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield ServerProcess(process)
        finally:
            process.kill()


def main() -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("server", choices=["daphne", "uvicorn"])
    parser.add_argument("--disk-reserve-bytes", type=int)
    parser.add_argument("--file-size-limit", type=int, help="writing more to one file fails, as on a full disk")
    parser.add_argument("--discard-seconds", type=float)
    parser.add_argument("--ping-seconds", type=float, help="between pings, and for their answers")
    parser.add_argument("--slow-reader-seconds", type=float)
    parser.add_argument("--stop-seconds", type=float)
    parser.add_argument("--unread-seconds", type=float)
    parser.add_argument("--watchdog-seconds", type=float)
    parser.add_argument("--gallery", action="store_true", help="serve the gallery, and take orders")
    parser.add_argument("--certificate", metavar="FILE", help="speak TLS with the key and certificate in this file")
    parser.add_argument("--fail", action="store_true", help="the start fails")
    parser.add_argument("--broken-folder", metavar="ERROR", help="no temporary file can be made; an errno's name")
    options = parser.parse_args()
    prepare(options)
    return serve_daphne(options) if options.server == "daphne" else serve_uvicorn(options)


def prepare(options: argparse.Namespace) -> None:
    """Set Django up, and what would otherwise need a full disk or a long wait."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
    import django

    django.setup()
    from django.conf import settings

    from imgs import intake
    from realtime import audience, http_request, server, upload_cap

    settings.MEDIA_ROOT.mkdir(parents=True, exist_ok=True)
    numbers = {
        "disk_reserve_bytes": intake,
        "stop_seconds": server,
        "unread_seconds": http_request,
        "slow_reader_seconds": audience,
        "watchdog_seconds": server,
    }
    for name, module in numbers.items():
        if getattr(options, name):
            setattr(module, name.upper(), getattr(options, name))
    if options.discard_seconds:
        upload_cap.DISCARD_SECONDS = http_request.DISCARD_SECONDS = options.discard_seconds
    if options.broken_folder:
        break_temporary_files(getattr(errno, options.broken_folder))
    if options.file_size_limit:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (options.file_size_limit,) * 2)


def break_temporary_files(number: int) -> None:
    """Let every attempt to make a temporary file fail, once the server has none of its own to make."""

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    tempfile.TemporaryFile = fail  # type: ignore[assignment]


def served(options: argparse.Namespace, usual: Any) -> Any:
    """The application that the command line asks for."""
    if not options.gallery:
        return usual
    from tests.realtime.ordered_gallery import OrderedGallery

    return OrderedGallery()


def serve_daphne(options: argparse.Namespace) -> int:
    """Serve with the project's own server."""
    from realtime.server import Server, listen

    class Tested(Server):
        async def _start(self) -> None:
            if options.certificate:
                self.http_factory = with_tls(self.http_factory, options.certificate)
            await super()._start()

    async def start() -> None:
        if options.fail:
            raise RuntimeError("the worker has no legs")

    async def stop() -> None:
        print("stopped", flush=True)

    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    server = Tested(
        served(options, application),
        listener,
        max_body_bytes=MAX_BODY_BYTES,
        on_start=start,
        on_ready=lambda: print(f"serving on {port}", flush=True),
        on_stop=stop,
    )
    if options.ping_seconds:
        server.ping_interval = server.ping_timeout = options.ping_seconds
    return server.run()


def with_tls(factory: Any, file: str) -> Any:
    """Twisted's own TLS around a factory of protocols."""
    from twisted.internet.ssl import PrivateCertificate
    from twisted.protocols.tls import TLSMemoryBIOFactory

    certificate = PrivateCertificate.loadPEM(Path(file).read_bytes())
    return TLSMemoryBIOFactory(certificate.options(), isClient=False, wrappedFactory=factory)


def serve_uvicorn(options: argparse.Namespace) -> int:
    """Serve the same application, capped, with another ASGI server."""
    import uvicorn

    from realtime.server import listen
    from realtime.upload_cap import UploadCap

    listener = listen("127.0.0.1", 0)
    print(f"serving on {listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(served(options, UploadCap(application, MAX_BODY_BYTES)), log_config=None, lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
