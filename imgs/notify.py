"""What leaves this process on the channel layer: a hint for workers, changes and presence for viewers.

Every message here is a hint. The database is the truth, and whoever misses a message finds out by itself.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

from imgs.outages import Outage

COMPRESS_CHANNEL = "compress"
SEND_TIMEOUT_SECONDS = 1.0
OUTBOX_SIZE = 1000

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Departure:
    """One message and the group or channel it goes to."""

    message: dict[str, Any]
    group: str | None = None
    channel: str | None = None

    async def send(self) -> None:
        """Hand the message to the channel layer. Raises whatever the layer raises, TimeoutError after a second."""
        layer = get_channel_layer()
        async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
            if self.group is not None:
                await layer.group_send(self.group, self.message)
            else:
                await layer.send(self.channel, self.message)


class Outbox:
    """A bounded queue and the task that empties it, so that a hung channel layer never holds a request or a worker."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: asyncio.Queue[Departure] = asyncio.Queue(OUTBOX_SIZE)
        self._sender: asyncio.Task[None] | None = None
        self._outage = Outage(log, "the channel layer")

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Deliver on `loop` from now on. Call on that loop; calling again does nothing."""
        if loop is self._loop:
            return
        self._loop = loop
        self._queue = asyncio.Queue(OUTBOX_SIZE)
        self._sender = loop.create_task(self._run(self._queue))

    def put(self, departure: Departure) -> None:
        """Queue a message, from any thread, without waiting. In a process without a loop it is sent at once."""
        if self._loop is None or self._loop.is_closed():
            async_to_sync(self._deliver)(departure)
        else:
            self._loop.call_soon_threadsafe(self._enqueue, departure)

    def check(self) -> None:
        """Send a message to nobody. Raises RuntimeError when the channel layer does not take it."""
        trial = Departure({"type": "health.check"}, group="health").send
        try:
            if self._loop is None or self._loop.is_closed():
                async_to_sync(trial)()
            else:
                asyncio.run_coroutine_threadsafe(trial(), self._loop).result(2 * SEND_TIMEOUT_SECONDS)
        except Exception as error:
            raise RuntimeError(f"the channel layer does not take messages: {type(error).__name__}") from error

    def _enqueue(self, departure: Departure) -> None:
        try:
            self._queue.put_nowait(departure)
        except asyncio.QueueFull:
            self._outage.noticed("the outbox is full")

    async def _run(self, queue: asyncio.Queue[Departure]) -> None:
        while True:
            await self._deliver(await queue.get())

    async def _deliver(self, departure: Departure) -> None:
        try:
            await departure.send()
        except Exception as error:  # noqa: BLE001 (whatever the layer's client raises, the message was only a hint)
            self._outage.noticed(error)
        else:
            self._outage.over()


outbox = Outbox()


def group_of(gallery_id: int) -> str:
    """The channel-layer group of a gallery's hubs."""
    return f"gallery-{gallery_id}"


def workers() -> None:
    """Tell workers that there is something to do."""
    outbox.put(Departure({"type": "compress.hint"}, channel=COMPRESS_CHANNEL))


def viewers(gallery_id: int, epoch: str, changes: dict[str, Any]) -> None:
    """Send `changes`, the message of CONTRACT, to the hubs of a gallery, with the epoch that its numbers count in."""
    message = {"type": "gallery.changes", "epoch": epoch, "changes": changes}
    outbox.put(Departure(message, group=group_of(gallery_id)))


def presence(gallery_id: int, process: str, viewers: int) -> None:
    """Tell the other hubs of a gallery how many viewers this process has."""
    message = {"type": "gallery.presence", "process": process, "viewers": viewers}
    outbox.put(Departure(message, group=group_of(gallery_id)))
