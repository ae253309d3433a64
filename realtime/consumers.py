"""The Channels consumers: one per websocket, one per worker. They decode, call, relay."""

import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from uuid import UUID

from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer
from django.core.exceptions import ObjectDoesNotExist
from django.db import Error as DatabaseError
from django.utils import translation
from django.utils.translation import gettext as _

from imgs import cards, changes, metrics
from realtime import protocol
from realtime.audience import NO_SUCH_GALLERY, TRY_AGAIN_LATER, send_text
from realtime.hub import Hub
from realtime.hubs import hubs
from realtime.threads import in_database
from realtime.upload_cap import language_of

if TYPE_CHECKING:  # web processes decode nothing, so they need no Pillow
    from realtime.workshop import Workshop

BAD_MESSAGES_MAX = 10
SIGNS_PER_SECOND = 5

POLICY_VIOLATION = 1008
MESSAGE_TOO_BIG = 1009

log = logging.getLogger(__name__)


class GalleryConsumer(AsyncConsumer):  # type: ignore[misc]  # channels has no types
    """One viewer of one gallery. Changes come through the hub, not through a channel of its own."""

    channel_layer_alias = None

    def __init__(self) -> None:
        super().__init__()
        self.hub: Hub | None = None
        self.bad_messages = 0
        self.is_noted = False
        self.signs: deque[float] = deque(maxlen=SIGNS_PER_SECOND)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one socket to its end, however it ends, and leave the hub then."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self.hub:
                hubs.leave(self.hub, self)
                metrics.sockets.dec()

    async def websocket_connect(self, _message: dict[str, Any]) -> None:
        """Accept a viewer of an existing gallery, greet it and bring it up to date."""
        try:
            self.hub = await hubs.enter(self.scope["url_route"]["kwargs"]["slug"], self)
        except DatabaseError as error:
            log.warning("a viewer was turned away", extra={"error": type(error).__name__})
            await self.close(TRY_AGAIN_LATER)
            return
        if self.hub is None:
            await self.close(NO_SUCH_GALLERY)
            return
        metrics.sockets.inc()
        await self.base_send({"type": "websocket.accept"})
        after, epoch = self._cursor()
        await self._guarded(self.hub.join(self, after, epoch))

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        """Act on one message of the browser."""
        text = message.get("text")
        if len(text.encode() if text else message.get("bytes") or b"") > protocol.FRAME_MAX_BYTES:
            log.warning("closed a socket that sent a frame too large", extra={"address": self._address})
            await self.close(MESSAGE_TOO_BIG)
            return
        match protocol.parse(text):
            case protocol.Resume(after=after, epoch=epoch) if self.hub:
                self.bad_messages = 0
                await self._guarded(self.hub.catch_up(self, after, epoch))
            case protocol.Sign(ids=ids) if self.hub:
                self.bad_messages = 0
                await self._guarded(self._sign(self.hub, ids))
            case _:
                await self._refuse_message()

    async def websocket_disconnect(self, _message: dict[str, Any]) -> None:
        """The browser is gone."""
        raise StopConsumer

    async def close(self, code: int) -> None:
        """Close the socket with a code of RFC 6455, or one above 4000."""
        await self.base_send({"type": "websocket.close", "code": code})

    def _cursor(self) -> tuple[int | None, str | None]:
        """`after` and `epoch` of the address; no number there means no catch-up."""
        query = parse_qs(self.scope.get("query_string", b"").decode("latin-1"))
        return _number(query.get("after", [""])[0]), query.get("epoch", [None])[0]

    async def _guarded(self, answer: Any) -> None:
        """Await an answer; when the database is away, close the socket: the browser comes back by itself."""
        try:
            await answer
        except ObjectDoesNotExist:  # the gallery was deleted
            await self.close(NO_SUCH_GALLERY)
        except DatabaseError as error:
            log.warning("a viewer could not be answered", extra={"error": type(error).__name__})
            await self.close(TRY_AGAIN_LATER)

    async def _sign(self, hub: Hub, ids: list[UUID]) -> None:
        now = time.monotonic()
        if len(self.signs) == SIGNS_PER_SECOND and now - self.signs[0] < 1:
            await self._error(protocol.RATE_LIMITED)
            return
        self.signs.append(now)
        expire_at = cards.urls_expire_at()
        images = await in_database(changes.signed_urls, hub.gallery_id, ids)
        await send_text(self, protocol.Signed(images=images, urls_expire_at=expire_at).text())

    async def _refuse_message(self) -> None:
        self.bad_messages += 1
        if self.bad_messages > BAD_MESSAGES_MAX:
            return  # it is being closed
        self._note_bad_message()
        await self._error(protocol.BAD_MESSAGE)
        if self.bad_messages == BAD_MESSAGES_MAX:
            log.warning("closed a socket that sent garbage", extra={"address": self._address})
            await self.close(POLICY_VIOLATION)

    def _note_bad_message(self) -> None:
        """One line in the log for the first of a socket; a flood must not fill it."""
        if not self.is_noted:
            facts = {"code": protocol.BAD_MESSAGE, "path": self.scope["path"], "address": self._address}
            log.warning("refused", extra=facts)
        self.is_noted = True

    @property
    def _address(self) -> str:
        return str((self.scope.get("client") or [""])[0])

    async def _error(self, code: str) -> None:
        with translation.override(language_of(self.scope["headers"])):
            details = {
                protocol.BAD_MESSAGE: _("This message was not understood."),
                protocol.RATE_LIMITED: _("Too many requests at once; try again in a second."),
            }
        await send_text(self, protocol.Error(code=code, detail=details[code]).text())


def _number(text: str) -> int | None:
    """A whole number, or None. The first 19 digits of a longer one are as far off any feed as all of them."""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal()):
        return None
    number = int(digits.lstrip("0")[:19] or "0")
    return number if digits == text else -number


class CompressionConsumer(AsyncConsumer):  # type: ignore[misc]
    """Takes hints on the channel `compress`, on behalf of the workshop of its worker process."""

    channel_layer_alias = None

    async def compress_hint(self, _message: dict[str, Any]) -> None:
        """Claim waiting images, compress, finish and announce them. A hint may be lost or doubled."""
        workshop: Workshop = self.scope["state"]["workshop"]
        await workshop.fill()
