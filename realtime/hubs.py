"""The hubs of this process."""

import asyncio

from imgs.models import Gallery
from realtime.audience import Viewer
from realtime.hub import Hub
from realtime.threads import in_database


class Hubs:
    """One hub for each gallery that has sockets here."""

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
