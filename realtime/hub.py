"""One hub per process and gallery: one subscription, in order, gaps filled once, one text for all its sockets."""

import asyncio
import logging
import secrets
import time
from typing import Any

from channels.layers import get_channel_layer
from django.conf import settings
from django.db import Error as DatabaseError

from imgs import changes, epochs, notify
from imgs.changes import Changes, Position
from imgs.models import Gallery
from imgs.outages import Outage
from realtime import protocol
from realtime.audience import NO_SUCH_GALLERY, Audience, Viewer, send_text
from realtime.held import Held
from realtime.outgoing import Outgoing
from realtime.replay import Replay
from realtime.shared_call import SharedCall
from realtime.threads import in_database

LOOK_SECONDS = 1.0
AGAIN_SECONDS = 0.25
GAP_SECONDS = 0.05

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
        self._held = Held()
        self._outgoing = Outgoing(self._audience.post, lambda: self._audience.is_behind)
        self._replay = Replay(self.cursor)
        self._gap: asyncio.TimerHandle | None = None
        self._gap_fill: asyncio.Task[None] | None = None
        self._fill: asyncio.Task[bool] | None = None
        self._look = SharedCall(self._look_at_head, AGAIN_SECONDS)
        self._read_back = SharedCall(self._read_replayable, 0)
        self._marked = ("", 0)
        self._marking: asyncio.Future[None] | None = None
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
            position = await in_database(epochs.position_at_start, self.gallery_id)
        except BaseException:
            self.stop()
            raise
        self._begin_at(position)
        self._close_gap()  # what came since it subscribed
        self._tasks += [asyncio.create_task(part()) for part in (self._watch, self._beat, self._audience.run)]

    def stop(self) -> None:
        """End all tasks."""
        self.running = False
        self._keep_mark()
        if self._marking:
            self._marking.add_done_callback(lambda _: self._keep_mark())  # of what came while that was under way
        self._outgoing.stop()
        for waiting in (*self._tasks, self._gap, self._gap_fill, self._fill):
            if waiting:
                waiting.cancel()

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
        epoch = epoch or self.epoch
        reached = await self.catch_up(viewer, after, epoch)
        self._audience.add(viewer)
        while reached is not None and (reached < self.cursor or epoch != self.epoch):
            reached = await self.catch_up(viewer, reached, epoch)

    def leave(self, viewer: Viewer) -> None:
        """Forget a socket."""
        self.occupants.discard(viewer)
        self._audience.discard(viewer)

    async def catch_up(self, viewer: Viewer, after: int, epoch: str) -> int | None:
        """Send one socket what changed after number `after`, or a reset.

        Returns the number it has reached, None when it goes on by itself: after a reset, or with more to ask for.
        """
        if epoch != self.epoch or after > self.cursor:
            await self._look()  # another process may have told the client what this one has not heard yet
        if epoch == self.epoch and self._replay.lacks(after):
            await self._read_back()
        answer = self._replay.text(after) if epoch == self.epoch else None
        text, reached = answer or (protocol.Reset(head=self.cursor, epoch=self.epoch).text(), None)
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
            case {"type": "gallery.changes", "epoch": str() as epoch, "changes": dict() as found}:
                self.offer(epoch, found)  # type: ignore[arg-type]  # it was made by imgs.changes
            case {"type": "gallery.presence", "process": str() as process, "viewers": int() as viewers}:
                self._elsewhere[process] = (viewers, time.monotonic())

    def offer(self, epoch: str, offered: Changes) -> None:
        """Relay changes when they are next, hold them after a gap, ignore what is already known or of another epoch.

        A message of before a restore may come late; one of after it is missing until the next look.
        """
        if offered["to"] <= self.cursor or (self.epoch and epoch != self.epoch):
            return
        if offered["from"] > self.cursor or not self.epoch:
            self._held.keep(epoch, offered)
            if self.epoch:  # else the head is being read this moment
                self._gap = self._gap or self.loop.call_later(GAP_SECONDS, self._close_gap)
            return
        self._relay(offered)
        while held := self._held.take(epoch, self.cursor):
            self._relay(held)

    def _close_gap(self) -> None:
        self._gap = None
        self._held.forget(self.epoch, self.cursor)
        if self._held:
            self._gap_fill = asyncio.create_task(self._fill_gap())

    async def _fill_gap(self) -> None:
        try:
            await self._fill_up()
        except (DatabaseError, Gallery.DoesNotExist) as error:
            self._database.noticed(error)

    async def _fill_up(self) -> bool:
        """Read what is missing between the cursor and the head, and relay it; False when it can't be replayed."""
        if self._fill is None or self._fill.done():
            self._fill = asyncio.create_task(self._read_missing())
        return await asyncio.shield(self._fill)

    async def _read_missing(self) -> bool:
        epoch, more = self.epoch, True
        while more:
            _position, missed = await in_database(changes.catch_up, self.gallery_id, self.cursor, epoch)
            if missed is None or epoch != self.epoch:
                return False  # the next look tells why
            more = missed["more"]
            self.offer(epoch, {**missed, "more": False})  # the hub goes on by itself; its sockets need not ask
        return True

    async def _read_replayable(self) -> None:
        """Read once for all sockets what can be replayed from before this hub began."""
        if self._replay.is_complete:
            return
        cursor, epoch = self.cursor, self.epoch
        position, known = await in_database(changes.replayable, self.gallery_id)
        if position["epoch"] == epoch == self.epoch and cursor <= position["head"]:
            self.offer(epoch, self._replay.complete(known))
        else:
            await self._look()

    async def _watch(self) -> None:
        """Look at the head each second: a lost message costs a second, never a picture."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not self.occupants:  # whoever it was started for left before entering
                self.stop()
                return
            if len(self.occupants) != self._told_viewers:
                self.tell_presence()
            try:
                await self._look()
            except Gallery.DoesNotExist:
                await self._audience.close(NO_SUCH_GALLERY)
                self.stop()
                return
            except DatabaseError as error:
                self._database.noticed(error)
                continue
            self._database.over()
            self._keep_mark()

    async def _look_at_head(self) -> None:
        """Relay what the database has and this hub has not; begin anew when the feed went back, or away."""
        shown = {self.epoch: self.cursor}  # before the look: what is relayed while it is under way may be newer than it
        position = await in_database(epochs.position_beyond, self.gallery_id, shown)
        if position["epoch"] != self.epoch:
            if not await in_database(Gallery.objects.filter(pk=self.gallery_id, slug=self.slug).exists):
                raise Gallery.DoesNotExist(self.slug)  # a restore gave its number to another one
            self._reset(position)
        while position["head"] > self.cursor:
            if not await self._fill_up():
                self._reset(position)

    def _reset(self, position: Position) -> None:
        """Everybody loads the snapshot again."""
        self._begin_at(position)
        self._held.clear()
        self._outgoing.drop()
        self._audience.post(protocol.Reset(head=self.cursor, epoch=self.epoch).text())

    def _begin_at(self, position: Position) -> None:
        self.cursor, self.epoch = position["head"], position["epoch"]
        self._replay.restart(self.cursor)

    def _keep_mark(self) -> None:
        """Note outside the database what was shown, off the event loop and one at a time: the disk may hang."""
        shown = (self.epoch, self.cursor)
        if shown != self._marked and (self._marking is None or self._marking.done()):
            self._marked = shown
            self._marking = self.loop.run_in_executor(None, epochs.mark, self.gallery_id, *shown)

    # What goes out

    def _relay(self, relayed: Changes) -> None:
        self.cursor = relayed["to"]
        self._outgoing.put(relayed)
        self._replay.extend(relayed)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(settings.HEARTBEAT_SECONDS)
            self.tell_presence()
            await self._outgoing.all_sent(LOOK_SECONDS)  # who has just caught up knows of what waits, too
            self._audience.post(self._heartbeat())

    def _heartbeat(self) -> str:
        oldest = time.monotonic() - 3 * settings.HEARTBEAT_SECONDS
        self._elsewhere = {process: told for process, told in self._elsewhere.items() if told[1] >= oldest}
        others = sum(viewers for process, (viewers, _) in self._elsewhere.items() if process != PROCESS)
        waiting = self._outgoing.waiting
        head = waiting["from"] if waiting else self.cursor  # what has been sent, not what is about to be
        return protocol.Heartbeat(head=head, epoch=self.epoch, viewers=len(self.occupants) + others).text()

    def tell_presence(self) -> None:
        """Tell the hubs of other processes how many viewers are here."""
        self._told_viewers = len(self.occupants)
        notify.presence(self.gallery_id, PROCESS, self._told_viewers)
