"""The project's own application in a process under test, which lets the test send to its viewers and look inside."""

import daphne.server  # noqa: F401, I001 (first: it installs the asyncio reactor)

import asyncio
import gc
import os
import sys
from typing import Any

from django.core.management import call_command

from project.asgi import application
from realtime.fast_socket import FastSocket
from realtime.http_request import unread_bytes
from realtime.hubs import hubs


class OrderedGallery:
    """The project's own application, and orders to it on standard input, each answered with a line.

    `post 3 50000` sends the text `3` followed by 50,000 more characters to all viewers of the gallery `main`.
    `state` tells how many viewers that has, and how many bytes Twisted holds for the sockets that live.
    """

    def __init__(self) -> None:
        call_command("migrate", verbosity=0)
        self.listens = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass on to the application; the first call begins to listen to orders."""
        if not self.listens:
            self.listens = True
            asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self.obey)
        await application(scope, receive, send)

    def obey(self) -> None:
        """Carry out what was ordered."""
        orders = os.read(sys.stdin.fileno(), 4096).decode().splitlines()
        if not orders:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        for order in orders:
            hub = hubs._hubs.get("main")
            match order.split():
                case ["post", number, size] if hub:
                    hub._audience.post(number + " " * int(size))
                    print("posted", number, flush=True)
                case ["state"]:
                    print("state", len(hub.occupants) if hub else 0, *held_bytes(), flush=True)


def held_bytes() -> list[int]:
    """What Twisted holds for each of the sockets it has not forgotten."""
    gc.collect()
    return [unread_bytes(found.transport) for found in gc.get_objects() if isinstance(found, FastSocket)]
