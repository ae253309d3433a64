"""The sockets of one gallery in this process, and writing one text to all of them."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable
from typing import Any, Protocol

from realtime.sending import begin

SOCKETS_PER_TURN = 50
TEXTS_AHEAD = 2
SLOW_READER_SECONDS = 30.0
TRY_AGAIN_LATER = 1013
NO_SUCH_GALLERY = 4404

log = logging.getLogger(__name__)


class Viewer(Protocol):
    """What is needed of a socket."""

    async def base_send(self, message: Any) -> None:
        """Send one ASGI message."""


async def send_text(viewer: Viewer, text: str) -> None:
    """Send one text to one socket."""
    await viewer.base_send({"type": "websocket.send", "text": text})


class Audience:
    """Every text goes to every socket, in order. Nobody waits for a slow reader: it misses texts until it has read
    what it was sent, and then gets what `state` returns, by which it knows how far behind it is.
    """

    def __init__(self, state: Any) -> None:
        self._state = state
        self._viewers: set[Viewer] = set()
        self._slow: dict[Viewer, asyncio.Task[None]] = {}
        self._texts: deque[str] = deque()
        self._waiting = asyncio.Event()

    def add(self, viewer: Viewer) -> None:
        """Write to this socket from now on."""
        self._viewers.add(viewer)

    def discard(self, viewer: Viewer) -> None:
        """Write to it no more."""
        self._viewers.discard(viewer)
        if waiting := self._slow.pop(viewer, None):
            waiting.cancel()

    def post(self, text: str) -> None:
        """Queue a text for everybody."""
        self._texts.append(text)
        self._waiting.set()

    @property
    def is_behind(self) -> bool:
        """Whether texts wait for others to be written: more of them would only wait, too."""
        return len(self._texts) >= TEXTS_AHEAD

    async def close(self, code: int) -> None:
        """Close every socket that reads; a slow one is cut soon by itself."""
        message = {"type": "websocket.close", "code": code}
        reading = self._viewers - self._slow.keys()
        await asyncio.gather(*[viewer.base_send(message) for viewer in reading], return_exceptions=True)

    async def run(self) -> None:
        """Write what is posted, giving way to other tasks every SOCKETS_PER_TURN sockets."""
        while True:
            await self._waiting.wait()
            self._waiting.clear()
            while self._texts:
                await self._write_to_all({"type": "websocket.send", "text": self._texts.popleft()})

    async def _write_to_all(self, message: dict[str, str]) -> None:
        """A call of its own for each text: between two of them no variable keeps a socket that has left."""
        for count, viewer in enumerate(list(self._viewers), 1):
            self._write(viewer, message)
            if count % SOCKETS_PER_TURN == 0:
                await asyncio.sleep(0)

    def _write(self, viewer: Viewer, message: dict[str, str]) -> None:
        if viewer in self._slow or viewer not in self._viewers:
            return
        try:
            rest = begin(viewer.base_send(message))
        except Exception:  # noqa: BLE001 (each server raises an error of its own for a socket that is gone)
            self._viewers.discard(viewer)
            return
        if rest is not None:
            self._slow[viewer] = asyncio.create_task(self._wait_for(viewer, rest))

    async def _wait_for(self, viewer: Viewer, rest: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(SLOW_READER_SECONDS):
                await rest
                await send_text(viewer, self._state())
        except TimeoutError:
            self._viewers.discard(viewer)
            log.info("cut a slow reader")
            await viewer.base_send({"type": "websocket.close", "code": TRY_AGAIN_LATER})
        except Exception:  # noqa: BLE001 (the socket is gone)
            self._viewers.discard(viewer)
        finally:
            self._slow.pop(viewer, None)
