"""One HTTP request under Daphne: its body is capped while it arrives, and handed to the application as a file."""

import daphne.server  # noqa: F401, I001 (first: it installs the asyncio reactor)

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from io import BytesIO
from typing import Any, BinaryIO, cast

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope
from daphne.http_protocol import HTTPFactory, WebRequest
from twisted.internet import reactor as twisted_reactor
from twisted.web.http import RESPONSES

from imgs import problems
from imgs.disk import is_full

from .upload_cap import (
    DISCARD_BYTES,
    DISCARD_SECONDS,
    SMALL_BODY_BYTES,
    WHOLE_BODY,
    is_over_limit,
    objection,
    refusal,
    too_large,
)

CHUNK_BYTES = 64 * 1024
READ_BYTES = 256 * 1024  # at once from the network, for a large body: a quarter less work than Twisted's 64 KB
MAX_UNREAD_BYTES = 1024 * 1024  # of answers or of websocket messages, for one client; a page of cards takes half of it
UNREAD_SECONDS = 30.0  # without reading what waits

logger = logging.getLogger(__name__)
reactor = cast(Any, twisted_reactor)

RESPONSES.update({status.value: status.phrase.encode() for status in HTTPStatus if status.value not in RESPONSES})


def unread_bytes(transport: Any) -> int:
    """How many bytes Twisted holds until the client reads on; of a transport that does not tell, none."""
    try:
        return int(len(transport.dataBuffer) - transport.offset + transport._tempDataLen)
    except AttributeError:
        return 0


class CappedRequest(WebRequest):  # type: ignore[misc]  # Daphne has no types
    """A request that is answered and cut as soon as its body is over the cap; the application never sees such a one.

    The names in camel case are Twisted's, which calls gotLength, then handleContentChunk often, then requestReceived.
    """

    content: BinaryIO | None

    def __init__(self, channel: Any, queued: Any = 0) -> None:
        # Twisted would parse a form once more, slowly and in memory; a class attribute can't turn it off
        super().__init__(channel, queued, parsePOSTFormSubmission=False)
        self.left = self.server.max_body_bytes
        self.discarded = 0
        self.asked_path = ""
        self.room = asyncio.Event()
        self.cut: Any = None  # the call that ends a refused request
        self.look: asyncio.Task[None] | None = None

    @property
    def refused(self) -> bool:
        """Whether the refusal was sent; all that follows is dropped."""
        return self.cut is not None

    @property
    def is_arriving(self) -> bool:
        """Whether the body is being received."""
        return self.content is not None and self.application_queue is None

    def gotLength(self, length: int | None) -> None:  # noqa: N802
        """Judge the declared length (None: chunked) before anything is stored."""
        self.asked_path = self.channel._path.decode("latin1")
        problem = objection(length, self.left)
        if problem:
            self.refuse(problem)
            return
        if length is None or length > SMALL_BODY_BYTES:
            self.channel.transport.bufferSize = READ_BYTES
            self.look = asyncio.ensure_future(self.look_for_room(length))
        self.attempt(super().gotLength, length)

    async def look_for_room(self, length: int | None) -> None:
        """Refuse, while it arrives, a body that the limit on storage has no room for."""
        is_over = await is_over_limit(length)
        if is_over and not self.finished and self.channel and self.is_arriving and not self.refused:
            self.refuse(problems.storage_full)

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        """Keep a piece of the body while the cap and the disk allow it."""
        if self.refused:
            self.discard(len(data))
            return
        self.left -= len(data)
        if self.left < 0:
            self.refuse(too_large)
            return
        self.attempt(super().handleContentChunk, data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802
        """Pass a whole request on; the last byte of a refused one ends its connection."""
        if self.content is not None:
            self.attempt(self.content.flush)
        if self.refused:
            self.channel.loseConnection()
        else:
            super().requestReceived(command, path, version)

    def process(self) -> Any:
        """Start the application; while the server stops, each connection gets its last answer."""
        if self.server.stopping:
            self.channel.persistent = False
            self.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        return super().process()

    async def wait_for_room(self) -> None:
        """Wait while the client leaves too much unread; cut one that reads nothing at all for long."""
        while (
            not self.finished and self.channel and (unread := unread_bytes(self.channel.transport)) > MAX_UNREAD_BYTES
        ):
            self.room.clear()
            self.channel.registerProducer(self, True)
            try:
                async with asyncio.timeout(UNREAD_SECONDS):
                    await self.room.wait()
            except TimeoutError:
                if self.channel and unread_bytes(self.channel.transport) == unread:
                    logger.info("cut a client that does not read", extra={"path": self.asked_path})
                    self.channel.transport.abortConnection()
                    return
            finally:
                if self.channel:
                    self.channel.unregisterProducer()

    def pauseProducing(self) -> None:  # noqa: N802
        """Nothing to do: whoever sends looks for room beforehand."""

    def resumeProducing(self) -> None:  # noqa: N802
        """All was taken by the network; go on."""
        self.room.set()

    def stopProducing(self) -> None:  # noqa: N802
        """The connection ends; whoever waits sees that."""
        self.room.set()

    def handle_exception(self, exception: BaseException) -> None:
        """Answer for an application that failed; a response that has begun can only be broken off."""
        if self._response_started:
            self.channel.transport.abortConnection()
        else:
            super().handle_exception(exception)

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        """Forget the deadline of a refused request."""
        if self.cut is not None and self.cut.active():
            self.cut.cancel()
        self.room.set()
        super().connectionLost(reason)

    def refuse(self, problem: Callable[[], problems.Problem]) -> None:
        """Answer at once, past the usual way of an answer, which would begin to parse the body as the next request."""
        if self.content is not None:
            with suppress(OSError):  # closing writes what is buffered
                self.content.close()
            self.content = None
        headers = [(name, value) for name, values in self.requestHeaders.getAllRawHeaders() for value in values]
        # Twisted looks at this header next: the refusal takes the place of "100 Continue"
        self.requestHeaders.removeHeader(b"Expect")
        self.channel.persistent = False
        facts = {"path": self.asked_path, "client": getattr(self.client, "host", None)}
        self.channel.write(refusal(problem, headers, **facts).as_http())
        self.cut = reactor.callLater(DISCARD_SECONDS, self.end)

    def attempt(self, write: Callable[..., Any], *arguments: Any) -> None:
        """Bring the body to the disk; a disk that is full, or can't be written, refuses the request."""
        try:
            write(*arguments)
        except OSError as error:
            self.refuse(problems.storage_full if is_full(error) else problems.unavailable)

    def discard(self, size: int) -> None:
        """Drop `size` bytes; close when that makes too many."""
        self.discarded += size
        if self.discarded > DISCARD_BYTES:
            self.channel.loseConnection()

    def end(self) -> None:
        """Close a refused connection, gently at first."""
        self.channel.loseConnection()
        self.cut = reactor.callLater(DISCARD_SECONDS, self.channel.transport.abortConnection)

    def release_body(self) -> BinaryIO:
        """The body, from its beginning; whoever takes it closes it."""
        body = cast(BinaryIO, self.content)
        self.content = BytesIO()  # Daphne queues an empty body from it, and closes it
        body.seek(0)
        return body


class CappedFactory(HTTPFactory):  # type: ignore[misc]
    """Makes a CappedRequest of every request on every connection."""

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802 (Twisted's)
        """The protocol of a new connection."""
        protocol = super().buildProtocol(addr)
        protocol.requestFactory = CappedRequest
        return protocol


def read_on_demand(application: ASGI3Application) -> ASGI3Application:
    """The application, receiving the body piece by piece when it asks, instead of all of it queued beforehand.

    An application that knows the extension WHOLE_BODY takes the file itself.
    """

    async def call(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        await receive()  # Daphne's own message, empty: see release_body
        extensions = cast(dict[str, Any], scope["extensions"])
        whole = False

        async def receive_piece() -> Any:
            nonlocal whole
            if whole or WHOLE_BODY not in extensions:
                return await receive()
            piece = extensions[WHOLE_BODY].read(CHUNK_BYTES)
            whole = len(piece) < CHUNK_BYTES
            return {"type": "http.request", "body": piece, "more_body": not whole}

        try:
            await application(scope, receive_piece, send)
        finally:
            if body := extensions.pop(WHOLE_BODY, None):
                body.close()

    return call
