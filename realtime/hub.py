"""One hub per process and gallery: one subscription, in order, gaps filled once, one text for all its sockets."""

import asyncio
import logging
import secrets
import time
from typing import Any

from channels.layers import get_channel_layer
from django.conf import settings
from django.db import Error as DatabaseError

from imgs import changes, notify
from imgs.changes import Changes
from imgs.models import Gallery
from imgs.outages import Outage
from realtime import protocol
from realtime.audience import Audience, Viewer, send_text
from realtime.threads import in_database, share_in_database

LOOK_SECONDS = 1.0
GAP_SECONDS = 0.05
WINDOW_SECONDS = 0.1
FRAMES_PER_WINDOW = 2
HELD_MAX = 1000

PROCESS = secrets.token_hex(8)

log = logging.getLogger(__name__)


class Hub:
    """Relays the change feed of one gallery to this process's sockets.

    `cursor` is the number up to which everything has been relayed. A message that is next is relayed, an older one
    ignored, one after a gap held while the gap is read from the database, once for all sockets.
    """

    def __init__(self, gallery_id: int, slug: str) -> None:
        self.gallery_id = gallery_id
        self.slug = slug
        self.cursor = 0
        self.epoch = ""
        self.occupants: set[Viewer] = set()
        self.running = True
        self.loop = asyncio.get_running_loop()
        self._audience = Audience(self._heartbeat)
        self._held: dict[int, Changes] = {}
        self._pending: Changes | None = None
        self._frames = 0
        self._gap: asyncio.TimerHandle | None = None
        self._window: asyncio.TimerHandle | None = None
        self._fill: asyncio.Task[None] | None = None
        self._elsewhere: dict[str, tuple[int, float]] = {}
        self._told_viewers = 0
        self._database = Outage(log, "the database")
        self._subscribed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    # Life

    async def start(self) -> None:
        """Subscribe, then learn where the feed stands. Raises a database error when that can't be read."""
        self._tasks = [asyncio.create_task(self._listen())]
        try:
            async with asyncio.timeout(1):
                await self._subscribed.wait()
        except TimeoutError:
            pass  # without the channel layer, the look at the head each second carries the changes
        try:
            position = await in_database(changes.position_of, self.gallery_id)
        except BaseException:
            self.stop()
            raise
        self.cursor, self.epoch = position["head"], position["epoch"]
        self._tasks += [asyncio.create_task(part()) for part in (self._look, self._beat, self._audience.run)]

    def stop(self) -> None:
        """End all tasks."""
        self.running = False
        for timer in (self._gap, self._window):
            if timer:
                timer.cancel()
        for task in (*self._tasks, *([self._fill] if self._fill else [])):
            task.cancel()

    # Sockets

    async def join(self, viewer: Viewer, after: int | None, epoch: str | None) -> None:
        """Greet a socket, bring it up to date from number `after` if given, and keep it up to date."""
        hello = protocol.Hello(
            gallery=self.slug, epoch=self.epoch, head=self.cursor, heartbeat_seconds=settings.HEARTBEAT_SECONDS
        )
        if after is None:
            self._audience.add(viewer)
            await send_text(viewer, hello.text())
            return
        await send_text(viewer, hello.text())
        reached = await self.catch_up(viewer, after, epoch or self.epoch)
        self._audience.add(viewer)
        while reached is not None and reached < self.cursor:
            reached = await self.catch_up(viewer, reached, self.epoch)

    def leave(self, viewer: Viewer) -> None:
        """Forget a socket."""
        self.occupants.discard(viewer)
        self._audience.discard(viewer)

    async def catch_up(self, viewer: Viewer, after: int, epoch: str) -> int | None:
        """Send one socket what changed after number `after`, or a reset.

        Returns the number it has reached, None when it goes on by itself: after a reset, or with more to ask for.
        """
        text, reached = await share_in_database(_catch_up, self.gallery_id, after, epoch)
        await send_text(viewer, text)
        return reached

    # What comes in

    async def _listen(self) -> None:
        """Hand on every message of the gallery's group; subscribe again after any failure of the channel layer."""
        layer, group = get_channel_layer(), notify.group_of(self.gallery_id)
        outage = Outage(log, "the channel layer")
        while True:
            channel = None
            try:
                channel = await layer.new_channel()
                await layer.group_add(group, channel)
                self._subscribed.set()
                outage.over()
                while True:
                    self._receive(await layer.receive(channel))
            except Exception as error:  # noqa: BLE001 (each layer's client has exceptions of its own)
                outage.noticed(error)
                await asyncio.sleep(LOOK_SECONDS)
            finally:
                if channel:
                    await self._unsubscribe(layer, group, channel)

    async def _unsubscribe(self, layer: Any, group: str, channel: str) -> None:
        try:
            async with asyncio.timeout(notify.SEND_TIMEOUT_SECONDS):
                await layer.group_discard(group, channel)
        except Exception:  # noqa: BLE001, S110 (it is gone already, or the layer is away and forgets it by itself)
            pass

    def _receive(self, message: dict[str, Any]) -> None:
        match message:
            case {"type": "gallery.changes", "changes": dict() as found}:
                self.offer(found)  # type: ignore[arg-type]  # it was made by imgs.changes
            case {"type": "gallery.presence", "process": str() as process, "viewers": int() as viewers}:
                self._elsewhere[process] = (viewers, time.monotonic())

    def offer(self, offered: Changes) -> None:
        """Relay changes when they are next, hold them after a gap, ignore what is already known."""
        if offered["to"] <= self.cursor:
            return
        if offered["from"] > self.cursor:
            if len(self._held) < HELD_MAX:
                self._held[offered["from"]] = offered
            if self.epoch:  # else the head is being read this moment
                self._gap = self._gap or self.loop.call_later(GAP_SECONDS, self._close_gap)
            return
        self._relay(offered)
        while held := self._held.pop(self.cursor, None):
            self._relay(held)

    def _close_gap(self) -> None:
        self._gap = None
        self._held = {start: held for start, held in self._held.items() if held["to"] > self.cursor}
        if self._held:
            self._start_fill()

    def _start_fill(self) -> None:
        if self._fill is None or self._fill.done():
            self._fill = asyncio.create_task(self._read_missing())

    async def _read_missing(self) -> None:
        """Read what is missing between the cursor and the head, and relay it."""
        try:
            more = True
            while more:
                position, missed = await in_database(changes.catch_up, self.gallery_id, self.cursor, self.epoch)
                if missed is None:
                    self._reset(position["head"], position["epoch"])
                    return
                more = missed["more"]
                self.offer({**missed, "more": False})  # the hub goes on by itself; its sockets need not ask
        except (DatabaseError, Gallery.DoesNotExist) as error:
            self._database.noticed(error)

    async def _look(self) -> None:
        """Look at the head each second: a lost message costs a second, never a picture."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not self.occupants:  # whoever it was started for left before entering
                self.stop()
                return
            if len(self.occupants) != self._told_viewers:
                self.tell_presence()
            relayed = self.cursor  # before the look: what is relayed while it is under way may be newer than it
            try:
                position = await in_database(changes.position_of, self.gallery_id)
            except Gallery.DoesNotExist:
                self.stop()  # without a heartbeat its sockets come again, and are told
                return
            except DatabaseError as error:
                self._database.noticed(error)
                continue
            self._database.over()
            if position["epoch"] != self.epoch or position["head"] < relayed:
                self._reset(position["head"], position["epoch"])
            elif position["head"] > self.cursor:
                self._start_fill()

    def _reset(self, head: int, epoch: str) -> None:
        """The feed went back, or away: everybody loads the snapshot again."""
        self.cursor, self.epoch = head, epoch
        self._held.clear()
        self._pending = None
        self._audience.post(protocol.Reset(head=head, epoch=epoch).text())

    # What goes out

    def _relay(self, relayed: Changes) -> None:
        """Send at once, but at most FRAMES_PER_WINDOW frames in WINDOW_SECONDS: a burst is merged into one."""
        self.cursor = relayed["to"]
        self._pending = protocol.merge(self._pending, relayed) if self._pending else relayed
        if self._frames < FRAMES_PER_WINDOW:
            self._flush()
        self._window = self._window or self.loop.call_later(WINDOW_SECONDS, self._end_window)

    def _end_window(self) -> None:
        self._frames = 0
        self._window = None
        if self._pending:
            self._flush()
            self._window = self.loop.call_later(WINDOW_SECONDS, self._end_window)

    def _flush(self) -> None:
        if self._pending:
            self._frames += 1
            self._audience.post(protocol.changes_text(self._pending))
            self._pending = None

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(settings.HEARTBEAT_SECONDS)
            self.tell_presence()
            self._audience.post(self._heartbeat())

    def _heartbeat(self) -> str:
        oldest = time.monotonic() - 3 * settings.HEARTBEAT_SECONDS
        self._elsewhere = {process: told for process, told in self._elsewhere.items() if told[1] >= oldest}
        others = sum(viewers for process, (viewers, _) in self._elsewhere.items() if process != PROCESS)
        head = self._pending["from"] if self._pending else self.cursor  # what has been sent, not what is about to be
        return protocol.Heartbeat(head=head, epoch=self.epoch, viewers=len(self.occupants) + others).text()

    def tell_presence(self) -> None:
        """Tell the hubs of other processes how many viewers are here."""
        self._told_viewers = len(self.occupants)
        notify.presence(self.gallery_id, PROCESS, self._told_viewers)


def _catch_up(gallery_id: int, after: int, epoch: str) -> tuple[str, int | None]:
    """The text that brings a client at `after` up to date, and the number it reaches with it; None when it goes on."""
    position, missed = changes.catch_up(gallery_id, after, epoch)
    if missed is None:
        return protocol.Reset(head=position["head"], epoch=position["epoch"]).text(), None
    return protocol.changes_text(missed), None if missed["more"] else missed["to"]


class Hubs:
    """The hubs of this process; each lives while it has sockets."""

    def __init__(self) -> None:
        self._hubs: dict[str, Hub] = {}
        self._starting: dict[str, asyncio.Task[Hub | None]] = {}

    async def enter(self, slug: str, viewer: Viewer) -> Hub | None:
        """The running hub of a gallery, with the socket counted in; None when there is no such gallery.

        Raises a database error when that can't be known.
        """
        while True:
            hub = self._hubs.get(slug)
            if hub is None or not hub.running or hub.loop is not asyncio.get_running_loop():
                hub = await self._start_once(slug)
                if hub is None:
                    return None
            if self._hubs.get(slug) is hub:
                hub.occupants.add(viewer)
                return hub

    def leave(self, hub: Hub, viewer: Viewer) -> None:
        """Forget a socket, and the hub with its last one."""
        hub.leave(viewer)
        if not hub.occupants:
            hub.tell_presence()
            hub.stop()
            if self._hubs.get(hub.slug) is hub:
                del self._hubs[hub.slug]

    async def _start_once(self, slug: str) -> Hub | None:
        starting = self._starting.get(slug)
        if starting is None or starting.get_loop() is not asyncio.get_running_loop():
            starting = self._starting[slug] = asyncio.create_task(self._start(slug))
            starting.add_done_callback(lambda _: self._starting.pop(slug, None))
        return await asyncio.shield(starting)

    async def _start(self, slug: str) -> Hub | None:
        try:
            gallery_id = await in_database(Gallery.objects.values_list("pk", flat=True).get, slug=slug)
        except Gallery.DoesNotExist:
            return None
        hub = Hub(gallery_id, slug)
        await hub.start()
        self._hubs[slug] = hub
        return hub


hubs = Hubs()
