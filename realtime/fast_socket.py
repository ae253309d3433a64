"""A websocket under Daphne that is cheap to send on: one frame for all sockets, written straight to the network."""

import daphne.server  # noqa: F401, I001 (first: it installs the asyncio reactor)

import logging
import struct
from collections import deque
from functools import lru_cache
from typing import Any

from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol

from .http_request import unread_bytes

# Several times the largest message; who leaves more than that unread is cut, and catches up on its return
MAX_UNREAD_BYTES = 4 * 1024 * 1024
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
    """Daphne's websocket, with sends that pass by autobahn and, while nothing is buffered, Twisted's write buffer."""

    server: Any = None  # until Daphne's onConnect: a handshake refused before that is not known to the server

    def __init__(self) -> None:
        super().__init__()
        self.sizes: deque[int] = deque(maxlen=MAX_WAITING_MESSAGES)  # of the last messages, in bytes

    def serverSend(self, content: Any, binary: bool = False) -> None:  # noqa: N802 (Daphne's)
        """Send one message, or nothing on a closed socket; cut a client that has stopped reading."""
        if self.state in {self.STATE_CLOSING, self.STATE_CLOSED}:
            return
        if binary or self.state != self.STATE_OPEN:
            super().serverSend(content, binary)
            return
        frame = frame_of(content)
        transport = self.transport
        if not transport.dataBuffer and not transport._tempDataLen:
            sent = transport.writeSomeData(frame)
            if sent == len(frame):
                return
            if isinstance(sent, int):
                frame = frame[sent:]
        elif unread_bytes(transport) > MAX_UNREAD_BYTES:
            logger.info("cut a websocket that does not read", extra={"client": self.client_addr})
            self.dropConnection(abort=True)
            return
        transport.write(frame)

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
