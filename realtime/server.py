"""Daphne as an object: capped bodies, cheap sockets, a start that fails loudly and a stop that loses nothing."""

import daphne.server  # noqa: I001 (first: it installs the asyncio reactor)

import asyncio
import gc
import logging
import os
import signal
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Any, cast

from asgiref.typing import ASGI3Application
from twisted.internet import reactor as twisted_reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogBeginner

from .fast_socket import FastSocket, FastSocketFactory
from .http_request import CHUNK_BYTES, CappedFactory, CappedRequest, read_on_demand
from .upload_cap import WHOLE_BODY

WEBSOCKET_MAX_BYTES = 64 * 1024
STOP_SECONDS = 10.0
WATCHDOG_SECONDS = 15.0

logger = logging.getLogger(__name__)
reactor = cast(Any, twisted_reactor)


async def nothing() -> None:
    """Do nothing, as a start or a stop."""


class Server(daphne.server.Server):  # type: ignore[misc]  # Daphne has no types
    """Serves an ASGI application on a listening socket until SIGTERM or SIGINT.

    `on_start` is awaited before the first request is answered, `on_ready` called after that, `on_stop` awaited while
    the requests at work finish. A `websocket_timeout` (seconds) closes sockets by age; a negative one never does.
    """

    def __init__(
        self,
        application: ASGI3Application,
        listener: socket.socket,
        *,
        max_body_bytes: int,
        websocket_timeout: float = -1,
        on_start: Callable[[], Awaitable[None]] = nothing,
        on_ready: Callable[[], None] | None = None,
        on_stop: Callable[[], Awaitable[None]] = nothing,
    ) -> None:
        super().__init__(
            read_on_demand(application),
            endpoints=["the listener"],
            request_buffer_size=CHUNK_BYTES,
            websocket_timeout=websocket_timeout,
            ready_callable=on_ready,
            server_name="",
        )
        self.listener = listener
        self.max_body_bytes = max_body_bytes
        self.on_start, self.on_stop = on_start, on_stop
        self.connections: dict[Any, dict[str, Any]] = {}
        self.port: Any = None
        self.starting: asyncio.Task[None] | None = None
        self.stopping = False
        self.exit_code = 0

    def run(self) -> int:
        """Serve until told to stop. Returns the exit code for the process."""
        self.http_factory = CappedFactory(self)
        self.ws_factory = self._websocket_factory()
        globalLogBeginner.beginLoggingTo([cast(Any, _log_caught)], redirectStandardIO=False, discardBuffer=True)
        asyncio.set_event_loop(reactor._asyncioEventloop)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        reactor.callWhenRunning(self._start_task)
        reactor.callLater(1, self.application_checker)
        reactor.callLater(2, self.timeout_checker)
        reactor.addSystemEventTrigger(
            "before", "shutdown", lambda: Deferred.fromFuture(asyncio.ensure_future(self._stop()))
        )
        reactor.run(installSignalHandlers=False)
        return self.exit_code

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """Start the application for one connection, its request's body in the extension WHOLE_BODY."""
        if scope["type"] == "http":
            scope["extensions"] = {WHOLE_BODY: protocol.release_body()}
        return super().create_application(protocol, scope)

    async def handle_reply(self, protocol: Any, message: Any) -> None:
        """Pass on what an application sends, as fast as its client reads; a text to an open websocket straight away."""
        if isinstance(protocol, CappedRequest):
            await protocol.wait_for_room()
        elif protocol.state == protocol.STATE_OPEN and (text := message.get("text")):
            protocol.serverSend(text)
            return
        await super().handle_reply(protocol, message)

    def application_checker(self) -> None:
        """Answer for the applications that failed, once a second; one that can't be answered stops no later round."""
        try:
            super().application_checker()
        except Exception:
            logger.exception("could not look after the applications that ended")
            reactor.callLater(1, self.application_checker)

    def _websocket_factory(self) -> FastSocketFactory:
        factory = FastSocketFactory(self, server="")
        factory.setProtocolOptions(
            autoPingTimeout=self.ping_timeout,
            allowNullOrigin=True,  # routing.py judges the origin
            openHandshakeTimeout=self.websocket_handshake_timeout,
            maxMessagePayloadSize=WEBSOCKET_MAX_BYTES,
            maxFramePayloadSize=WEBSOCKET_MAX_BYTES,
            failByDrop=False,  # a frame too big closes with 1009; a drop would look like a broken network
        )
        return factory

    def _start_task(self) -> None:
        self.starting = asyncio.ensure_future(self._start())

    async def _start(self) -> None:
        try:
            await self.on_start()
            self.port = reactor.adoptStreamPort(self.listener.fileno(), self.listener.family, self.http_factory)
            self.listener.close()  # the port has its own copy
            if self.ready_callable:
                self.ready_callable()
        except Exception:
            logger.exception("could not start")
            self.exit_code = 1
            self._request_stop()
        gc.collect()
        gc.freeze()  # what lives now lives for ever: not looking at it again saves pauses of 100 ms

    def _on_signal(self, _number: int, _frame: Any) -> None:
        self._request_stop()

    def _request_stop(self) -> None:
        """Begin to stop; once only, however often it is asked for."""
        if self.stopping:
            return
        self.stopping = True
        watchdog = threading.Timer(WATCHDOG_SECONDS, _give_up)
        watchdog.daemon = True
        watchdog.start()
        reactor.callFromThread(reactor.stop)

    async def _stop(self) -> None:
        """Finish what is at work: requests, the application's own tasks, bytes not yet written."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + STOP_SECONDS
        if self.starting:
            self.starting.cancel()
        if self.port:
            await maybeDeferred(self.port.stopListening).asFuture(loop)
        stop = asyncio.ensure_future(self.on_stop())
        while loop.time() < deadline and (self._is_busy() or not stop.done()):
            self._close_websockets()
            await asyncio.sleep(0.05)
        late = self._applications()
        for application in late:
            application.cancel()
        for error in await asyncio.gather(stop, *late, return_exceptions=True):
            if isinstance(error, Exception):
                logger.error("failed while stopping", exc_info=error)

    def _close_websockets(self) -> None:
        for protocol in list(self.connections):
            if isinstance(protocol, FastSocket):
                protocol.close_for_restart()

    def _applications(self) -> list[asyncio.Future[None]]:
        found = (details.get("application_instance") for details in self.connections.values())
        return [application for application in found if application and not application.done()]

    def _is_busy(self) -> bool:
        arriving = any(isinstance(protocol, CappedRequest) and protocol.is_arriving for protocol in self.connections)
        return arriving or bool(self._applications()) or bool(reactor.getWriters())


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; `port` 0 takes any free one. Raises OSError when the address can't be had."""
    family, _type, _protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.create_server(address[:2], family=family, backlog=1024)
    listener.setblocking(False)
    return listener


def _log_caught(event: LogEvent) -> None:
    """Twisted turns exceptions in its callbacks into events of its own log; show those and nothing else of it."""
    if event["log_level"] is LogLevel.critical:
        failure = event.get("log_failure")
        logger.error("%s", formatEvent(event), exc_info=failure and failure.value)


def _give_up() -> None:
    logger.error("still busy %d seconds after the request to stop; leaving now", WATCHDOG_SECONDS)
    os._exit(1)
