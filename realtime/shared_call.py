"""One call for all who ask at about the same time."""

import asyncio
from collections.abc import Awaitable, Callable


class SharedCall:
    """Awaits a function for everybody who asks, one call at a time and at least `seconds` from start to start.

    Whoever asks is answered by a call that begins after that, so its answer is never older than the question. What
    the call raises, all who wait for it get.
    """

    def __init__(self, function: Callable[[], Awaitable[None]], seconds: float) -> None:
        self._function = function
        self._seconds = seconds
        self._next: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._began = float("-inf")

    async def __call__(self) -> None:
        """Wait for the end of a call that begins from now on."""
        if self._next is None:
            self._next = asyncio.create_task(self._run())
        await asyncio.shield(self._next)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        async with self._turn:
            await asyncio.sleep(self._began + self._seconds - loop.time())
            self._began = loop.time()
            self._next = None  # whoever comes now may have seen more than this call will
            await self._function()
