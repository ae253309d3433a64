"""A websocket under Daphne that is cheap to send on: one frame for all sockets, written straight to the network."""

import daphne.server  # noqa: F401, I001 (first: it installs the asyncio reactor)

import logging
import socket
import struct
from collections import deque
from contextlib import suppress
from functools import lru_cache
from typing import Any

from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet import tcp

from . import http_request
from .http_request import reactor, unread_bytes

# What the kernel takes before the client's window is open for it; by itself it takes up to 4 MB and hides a slow reader
KERNEL_UNSENT_BYTES = 128 * 1024
# What the application has not taken yet; who sends more than that is no browser of ours
MAX_WAITING_BYTES = 256 * 1024
MAX_WAITING_MESSAGES = 50
CLOSE_POLICY = 1008
CLOSE_RESTART = 1012

logger = logging.getLogger(__name__)


@lru_cache(maxsize=16)
def frame_of(text: str) -> bytes:
    """One unmasked text frame (RFC 6455, 5.2). The hub sends the same text to every socket, so it is framed once."""
    payload = text.encode()
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", 0x81, size) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", 0x81, 126, size) + payload
    return struct.pack("!BBQ", 0x81, 127, size) + payload


class FastSocket(WebSocketProtocol):  # type: ignore[misc]  # Daphne has no types
    """Daphne's websocket, with sends that pass by autobahn and, while nothing is buffered, Twisted's write buffer.

    A write that would block marks a slow reader: from then on what it leaves unread is bounded, in bytes and in time.
    """

    server: Any = None  # until Daphne's onConnect: a handshake refused before that is not known to the server
    client_addr: Any = None  # until then, too
    is_plain = False  # whether the transport is Twisted's own for TCP; TLS and others take ordinary writes only

    def __init__(self) -> None:
        super().__init__()
        self.sizes: deque[int] = deque(maxlen=MAX_WAITING_MESSAGES)  # of the last messages, in bytes
        self.slow: Any = None  # the call that looks whether a slow reader has got on
        self.added = 0  # bytes buffered for a slow reader since it was marked

    def connectionMade(self) -> None:  # noqa: N802 (Twisted's)
        """Learn which kind of transport this is, and have the kernel say early that a client does not keep up."""
        self.is_plain = type(self.transport) is tcp.Server and not self.transport.TLS
        if self.is_plain:
            with suppress(OSError):  # not every kernel knows it
                self.transport.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, KERNEL_UNSENT_BYTES)
        super().connectionMade()

    def serverSend(self, content: Any, binary: bool = False) -> None:  # noqa: N802 (Daphne's)
        """Send one message, or nothing on a closed socket."""
        if self.state in {self.STATE_CLOSING, self.STATE_CLOSED}:
            return
        if binary or self.state != self.STATE_OPEN:
            super().serverSend(content, binary)
            return
        frame = frame_of(content)
        transport = self.transport
        if self.is_plain and not transport.dataBuffer and not transport._tempDataLen:
            sent = transport.writeSomeData(frame)
            if sent == len(frame):
                return
            transport.write(frame[sent:] if isinstance(sent, int) else frame)
            self.mark_slow()
        else:
            self.sendData(frame)

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:  # noqa: N802 (autobahn's)
        """Buffer what can't be written straight, autobahn's own frames too; cut a client for which that is too much."""
        unread = unread_bytes(self.transport)
        if unread and unread + len(data) > http_request.MAX_UNREAD_BYTES:
            self.cut(unread)
            return
        self.added += len(data)
        super().sendData(data, sync, chopsize)
        if not unread:
            self.unmark()
        elif self.slow is None:
            self.mark_slow()

    def mark_slow(self) -> None:
        """Give the client UNREAD_SECONDS to read what waits for it now."""
        self.unmark()
        self.added = 0
        self.slow = reactor.callLater(http_request.UNREAD_SECONDS, self.look_again)

    def unmark(self) -> None:
        """Take the client for a quick reader."""
        if self.slow is not None:
            self.slow.cancel()
            self.slow = None

    def look_again(self) -> None:
        """Cut a slow reader of whom more is unread than was added since the mark; mark it anew if that is all."""
        self.slow = None
        unread = unread_bytes(self.transport)
        if unread > self.added:
            self.cut(unread)
        elif unread:
            self.mark_slow()

    def cut(self, unread: int) -> None:
        """End the connection at once, and forget what waits for the client."""
        if self.state != self.STATE_CLOSED:
            logger.info("cut a websocket that does not read", extra={"client": self.client_addr, "unread": unread})
            self.dropConnection(abort=True)

    def onAutoPingTimeout(self) -> None:  # noqa: N802 (autobahn's)
        """Drop a client that does not answer, but not a slow reader, who may not have come to the ping yet."""
        if self.slow is None:
            super().onAutoPingTimeout()
        else:
            self.autoPingTimeoutCall = None

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: N802, N803
        """Queue one message for the application; close a client that sends faster than it is heard."""
        if self.state != self.STATE_OPEN:
            return
        self.sizes.append(len(payload))
        waiting = self.application_queue.qsize() + 1
        if waiting > MAX_WAITING_MESSAGES or sum(list(self.sizes)[-waiting:]) > MAX_WAITING_BYTES:
            logger.info("closed a websocket that sends too much", extra={"client": self.client_addr})
            self.sendCloseFrame(code=CLOSE_POLICY)
            return
        super().onMessage(payload, isBinary)

    def serverClose(self, code: int | None = None) -> None:  # noqa: N802 (Daphne's)
        """Close with any code; autobahn's own method refuses all but 1000 and those over 3000."""
        self.sendCloseFrame(code=code or 1000)

    def close_for_restart(self) -> None:
        """Tell the client that the server goes away and comes back."""
        if self.state == self.STATE_OPEN:
            self.sendCloseFrame(code=CLOSE_RESTART, reasonUtf8=b"service restart")

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:  # noqa: N802, N803
        """Tell the application, if there is one; note a close that the client's garbage caused."""
        self.unmark()
        if self.failedByMe:
            facts = {"code": self.localCloseCode, "reason": self.localCloseReason, "client": self.client_addr}
            logger.info("closed a websocket", extra=facts)
        if self.server:
            super().onClose(wasClean, code, reason)

    def failHandshake(self, reason: str, code: int = 400, responseHeaders: Any = None) -> None:  # noqa: N802, N803
        """Refuse a handshake; an origin that can't be read is none of ours."""
        forbidden = reason.startswith("HTTP Origin header invalid")
        super().failHandshake(reason, 403 if forbidden else code, responseHeaders)


class FastSocketFactory(WebSocketFactory):  # type: ignore[misc]
    """Makes a FastSocket of every websocket."""

    protocol = FastSocket
