"""The worker of one process: hints from the channel layer, a ticker that needs none, and a workshop behind them."""

import asyncio
import itertools
import logging
import os
import tempfile
from pathlib import Path
from typing import Any

from channels.layers import get_channel_layer
from channels.routing import ChannelNameRouter
from channels.worker import Worker
from django.db import Error as DatabaseError

from imgs import epochs, jobs, notify
from imgs.clock import clock
from imgs.outages import Outage
from realtime.consumers import CompressionConsumer
from realtime.threads import in_database
from realtime.workshop import Workshop

TICK_SECONDS = 1.0
TICKS_PER_CHECK = 5  # it reads a file for each gallery
HINT = {"type": "compress.hint"}

log = logging.getLogger(__name__)


def heartbeat_file(pid: int) -> Path:
    """The file whose age tells whether worker `pid` gets on: touched at each tick that reached the database."""
    return Path(tempfile.gettempdir()) / f"dinding-worker-{pid}"


class CompressionWorker(Worker):  # type: ignore[misc]  # channels has no types
    """Channels' worker on the channel `compress`, which goes on without the channel layer and stops gracefully."""

    def __init__(self) -> None:
        application = ChannelNameRouter({notify.COMPRESS_CHANNEL: CompressionConsumer.as_asgi()})
        super().__init__(application, [notify.COMPRESS_CHANNEL], get_channel_layer())
        self.workshop = Workshop()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start the children, then listen and tick."""
        notify.outbox.attach(asyncio.get_running_loop())
        self.workshop.start()
        parts = (self.handle(), self._tick(), self.application_checker())
        self._tasks = [asyncio.create_task(part) for part in parts]

    async def stop(self, seconds: float = 10) -> None:
        """Finish what runs within `seconds`, hand back the rest, end the children."""
        for task in self._tasks:
            task.cancel()
        await self.workshop.stop(seconds)
        for application in self.application_instances.values():
            application["future"].cancel()
        heartbeat_file(os.getpid()).unlink(missing_ok=True)

    async def listener(self, channel: str) -> None:
        """Pass every hint to the consumer; subscribe again after any failure of the channel layer."""
        outage = Outage(log, "the channel layer")
        while True:
            try:
                await self.channel_layer.receive(channel)
                outage.over()
                await self._dispatch(channel)
            except Exception as error:  # noqa: BLE001 (each layer's client has exceptions of its own)
                outage.noticed(error)
                self._forget_channel(channel)
                await asyncio.sleep(TICK_SECONDS)

    def _forget_channel(self, channel: str) -> None:
        """Make the pubsub layer subscribe anew: it takes a channel it knows for subscribed, even if that failed."""
        known: dict[str, Any] = getattr(self.channel_layer, "channels", {})
        known.pop(channel, None)

    async def _dispatch(self, channel: str) -> None:
        """Queue one hint for the consumer; more than one waiting says no more than one."""
        scope = {"type": "channel", "channel": channel, "state": {"workshop": self.workshop}}
        queue = self.get_or_create_application_instance(channel, scope)
        if queue.empty():
            await queue.put(HINT)

    async def _tick(self) -> None:
        """Each second pick up what lost hints left behind, end what nobody will finish, notice a clock or a restore."""
        for tick in itertools.count():
            await self._dispatch(notify.COMPRESS_CHANNEL)
            try:
                await self.workshop.hand_back_owed()
                await in_database(jobs.give_up)
                await in_database(clock.measure)
                if tick % TICKS_PER_CHECK == 0:
                    await in_database(epochs.check)
                heartbeat_file(os.getpid()).touch()
            except (DatabaseError, OSError):
                pass  # the workshop says so; the heartbeat file grows old
            except Exception:
                log.exception("a tick failed")  # the next one may go well
            await asyncio.sleep(TICK_SECONDS)
