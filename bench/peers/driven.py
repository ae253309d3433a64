"""An ASGI application that sends one message to all its sockets for each line on standard input."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

Application = Callable[[Any, Any, Any], Awaitable[None]]


class Driven:
    """`application`, and beside it `broadcast`, called once a line.

    `broadcast` hands one message to the application's sockets and returns its number and the time just before; both
    are printed. Whoever drives a server so adds nothing to its work that a request would.
    """

    def __init__(self, application: Application, broadcast: Callable[[], Awaitable[tuple[int, float]]]) -> None:
        self.application = application
        self.broadcast = broadcast
        self.tasks: set[asyncio.Task[None]] = set()
        self.listening = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass on to the application; the first call begins to listen on standard input."""
        if not self.listening:
            self.listening = True
            asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._read)
        await self.application(scope, receive, send)

    def _read(self) -> None:
        lines = os.read(sys.stdin.fileno(), 4096)
        if not lines:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        for _ in range(lines.count(b"\n")):
            task = asyncio.create_task(self._broadcast())
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _broadcast(self) -> None:
        number, moment = await self.broadcast()
        print(number, moment, flush=True)
