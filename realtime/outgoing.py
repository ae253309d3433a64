"""Changes on their way out: at once when little happens, merged when much does."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from imgs.changes import Changes
from realtime import protocol

WINDOW_SECONDS = 0.1
FRAMES_PER_WINDOW = 3  # of one picture: queued, ready, and the renditions of the one before


class Outgoing:
    """Posts changes at once, but at most FRAMES_PER_WINDOW texts in WINDOW_SECONDS: a burst is merged into one.

    While `is_behind()`, nothing is posted: what would only wait in line is merged further.
    """

    def __init__(self, post: Callable[[str], None], is_behind: Callable[[], bool]) -> None:
        self.waiting: Changes | None = None
        self._nothing_waits = asyncio.Event()
        self._nothing_waits.set()
        self._post = post
        self._is_behind = is_behind
        self._frames = 0
        self._window: asyncio.TimerHandle | None = None

    def put(self, changes: Changes) -> None:
        """Send changes that follow the ones before."""
        self.waiting = protocol.merge(self.waiting, changes) if self.waiting else changes
        self._nothing_waits.clear()
        if self._frames < FRAMES_PER_WINDOW:
            self._flush()
        if self._window is None:
            self._open_window()

    async def all_sent(self, seconds: float) -> None:
        """Return when nothing waits, after so many seconds at the latest."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._nothing_waits.wait()

    def drop(self) -> None:
        """Forget what was not sent yet."""
        self.waiting = None
        self._nothing_waits.set()

    def stop(self) -> None:
        """Send nothing more."""
        if self._window:
            self._window.cancel()

    def _open_window(self) -> None:
        self._window = asyncio.get_running_loop().call_later(WINDOW_SECONDS, self._end_window)

    def _end_window(self) -> None:
        self._frames = 0
        self._window = None
        if self.waiting:
            self._flush()
            self._open_window()

    def _flush(self) -> None:
        if self.waiting and not self._is_behind():
            self._frames += 1
            self._post(protocol.encoded(self.waiting))
            self.drop()
