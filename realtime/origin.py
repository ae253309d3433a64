"""Whose pages may open websockets: those of the allowed hosts."""

import logging
from typing import Any
from urllib.parse import urlsplit

from asgiref.typing import ASGIReceiveCallable
from channels.security.websocket import OriginValidator, WebsocketDenier

SHOWN_LETTERS = 100

log = logging.getLogger(__name__)


class OriginCheck(OriginValidator):  # type: ignore[misc]  # channels has no types
    """ASGI wrapper: turns away a websocket whose Origin is no allowed host, and says so in one line of the log."""

    async def __call__(self, scope: Any, receive: ASGIReceiveCallable, send: Any) -> None:
        """Pass on what the application may see; answer the rest, and the browser sees 403."""
        origin = dict(scope["headers"]).get(b"origin", b"").decode("latin-1")
        if self.allows(origin):
            await self.application(scope, receive, send)
            return
        address = (scope.get("client") or [""])[0]
        facts = {"path": scope["path"], "address": address, "origin": origin[:SHOWN_LETTERS]}
        log.warning("refused", extra={"code": "foreign_origin", **facts})
        await WebsocketDenier()(scope, receive, send)

    def allows(self, origin: str) -> bool:
        """Whether an allowed host is named; an origin that can't be read names none."""
        try:
            return bool(self.valid_origin(urlsplit(origin)))
        except ValueError:
            return False
