"""Compress pictures and nothing else, in a process of its own; what the service `worker` runs."""

import asyncio
import logging
import os
import signal
import threading
from argparse import ArgumentParser
from contextlib import suppress
from typing import Any

from django.core.management import BaseCommand
from django.db import DatabaseError

from imgs import epochs
from imgs.notify import COMPRESS_CHANNEL, outbox
from realtime.threads import in_database
from realtime.worker import CompressionWorker

STOP_SECONDS = 10
WATCHDOG_SECONDS = 15

log = logging.getLogger(__name__)


class Command(BaseCommand):
    """`manage.py runworker compress`. Channels' own command ends in the middle of a picture; this one finishes it."""

    help = "Compress uploaded pictures until interrupted."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The channel, as Channels' command has it."""
        parser.add_argument("channel", choices=[COMPRESS_CHANNEL])

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Work until SIGTERM or SIGINT."""
        asyncio.run(work())


async def work() -> None:
    """Run one worker; at the end finish the pictures at work, or hand them back."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    outbox.attach(loop)
    worker = CompressionWorker()
    with suppress(DatabaseError):
        await in_database(epochs.check)
    await worker.start()
    log.info("ready to compress")
    await stopped.wait()
    watchdog = threading.Timer(WATCHDOG_SECONDS, os._exit, (1,))
    watchdog.daemon = True
    watchdog.start()
    await worker.stop(STOP_SECONDS)
