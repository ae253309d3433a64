"""A browser's websocket, spoken through the whole ASGI application."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from channels.testing import WebsocketCommunicator

from project.asgi import application

ORIGIN = "http://localhost:8000"


class Socket:
    """Messages in and out, as JSON."""

    def __init__(self, path: str, origin: str | None = ORIGIN) -> None:
        headers = [(b"host", b"localhost:8000")] + ([(b"origin", origin.encode())] if origin else [])
        self.communicator = WebsocketCommunicator(application, path, headers)

    async def receive(self, seconds: float = 5) -> Any:
        """The next message; a close is {"closed": code}."""
        event = await self.communicator.receive_output(seconds)
        if event["type"] == "websocket.close":
            return {"closed": event["code"]}
        return json.loads(event["text"])

    async def receive_type(self, kind: str) -> Any:
        """The next message of one type; others are passed over."""
        while (message := await self.receive()).get("type") != kind:
            pass
        return message

    async def send(self, message: Any) -> None:
        """Send a message; text goes as it is."""
        text = message if isinstance(message, str) else json.dumps(message)
        await self.communicator.send_input({"type": "websocket.receive", "text": text})

    async def is_silent(self, seconds: float = 0.3) -> bool:
        """Whether nothing comes for a while."""
        return bool(await self.communicator.receive_nothing(seconds))


@asynccontextmanager
async def connected(path: str = "/ws/gallery/main/") -> AsyncIterator[Socket]:
    """An accepted socket, closed at the end."""
    socket = Socket(path)
    accepted, _ = await socket.communicator.connect(20)
    assert accepted
    try:
        yield socket
    finally:
        await socket.communicator.disconnect()
        await asyncio.sleep(0)
