"""Which ASGI scope goes where: HTTP, websockets, and the channel of the workers."""

import asyncio
from typing import Any

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, Scope
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.urls import path, re_path

from imgs import notify
from realtime import delivery, probes
from realtime.audience import NO_SUCH_GALLERY
from realtime.consumers import GalleryConsumer
from realtime.handler import BoundedHandler
from realtime.origin import OriginCheck
from realtime.upload_cap import UploadCap

pages = BoundedHandler()


async def http(scope: Any, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Pictures first: a broadcast makes every viewer ask at once, and they need none of Django's middleware."""
    if scope["path"] in {probes.LIVE, probes.READY}:
        await probes.answer(scope, receive, send)
    elif scope["path"].startswith(delivery.PREFIX):
        await delivery.serve_image(scope, receive, send)
    else:
        await pages(scope, receive, send)


async def no_such_socket(_scope: Any, receive: ASGIReceiveCallable, send: Any) -> None:
    """Turn away a websocket to an address that is none; the browser sees 403."""
    await receive()
    await send({"type": "websocket.close", "code": NO_SUCH_GALLERY})


websockets = URLRouter([path("ws/gallery/<slug:slug>/", GalleryConsumer.as_asgi()), re_path("", no_such_socket)])  # type: ignore[arg-type]  # ASGI, as Channels wants it

protocols = ProtocolTypeRouter(
    {
        "http": UploadCap(http, settings.UPLOAD_BODY_MAX_BYTES),
        "websocket": OriginCheck(websockets, settings.ALLOWED_HOSTS),
    }
)


async def application(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """The whole program as one ASGI application."""
    notify.outbox.attach(asyncio.get_running_loop())
    await protocols(scope, receive, send)
