"""Which ASGI scope goes where: HTTP, websockets, and the channel of the workers."""

import asyncio
from typing import Any

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, Scope
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.conf import settings
from django.urls import path

from imgs import notify
from realtime import delivery
from realtime.consumers import GalleryConsumer
from realtime.handler import BoundedHandler
from realtime.upload_cap import UploadCap

pages = BoundedHandler()


async def http(scope: Any, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Pictures first: a broadcast makes every viewer ask at once, and they need none of Django's middleware."""
    if scope["path"].startswith(delivery.PREFIX):
        await delivery.serve_image(scope, receive, send)
    else:
        await pages(scope, receive, send)


websockets = URLRouter([path("ws/gallery/<slug:slug>/", GalleryConsumer.as_asgi())])

protocols = ProtocolTypeRouter(
    {
        "http": UploadCap(http, settings.UPLOAD_BODY_MAX_BYTES),
        "websocket": AllowedHostsOriginValidator(websockets),
    }
)


async def application(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """The whole program as one ASGI application."""
    notify.outbox.attach(asyncio.get_running_loop())
    await protocols(scope, receive, send)
