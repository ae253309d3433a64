"""The usual way with Channels: every websocket is a consumer with a channel of its own in a group of the layer.

Each line on standard input sends one text of as many bytes as MESSAGE_BYTES says to the group.
"""

import itertools
import json
import os
import time
from typing import Any

from django.conf import settings

settings.configure(
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 10_000}}},
    LOGGING_CONFIG=None,
)

from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.layers import get_channel_layer  # noqa: E402
from channels.routing import ProtocolTypeRouter  # noqa: E402

from bench.peers.driven import Driven  # noqa: E402

GROUP = "viewers"
BYTES = int(os.environ.get("MESSAGE_BYTES", "900"))
numbers = itertools.count(1)


class Viewer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """One browser."""

    async def connect(self) -> None:
        """Join the group, then greet."""
        await self.channel_layer.group_add(GROUP, self.channel_name)
        await self.accept()
        await self.send(text_data='{"type":"hello"}')

    async def disconnect(self, code: int) -> None:
        """Leave the group."""
        await self.channel_layer.group_discard(GROUP, self.channel_name)

    async def viewer_text(self, event: dict[str, Any]) -> None:
        """Pass on a text."""
        await self.send(text_data=event["text"])


async def broadcast() -> tuple[int, float]:
    """Send the group a text."""
    number = next(numbers)
    empty = json.dumps({"type": "changes", "to": number, "padding": ""})
    text = json.dumps({"type": "changes", "to": number, "padding": "x" * (BYTES - len(empty))})
    moment = time.monotonic()
    await get_channel_layer().group_send(GROUP, {"type": "viewer.text", "text": text})
    return number, moment


application = Driven(ProtocolTypeRouter({"websocket": Viewer.as_asgi()}), broadcast)
