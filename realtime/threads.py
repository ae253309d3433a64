"""A few threads of this process that talk to the database for the event loop, each keeping its connection open."""

import asyncio
import os
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, ParamSpec, TypeVar

from django.db import connections

DATABASE_THREADS = 4 + (
    os.cpu_count() or 1
)  # each child's picture may wait for a lock; the leases are renewed meanwhile

P = ParamSpec("P")
R = TypeVar("R")

_executor = ThreadPoolExecutor(DATABASE_THREADS, "database")


async def in_database(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a short synchronous function that uses the database, and return what it returns.

    A connection that broke is closed, so that the next call opens a new one.
    """

    def call() -> R:
        for connection in connections.all(initialized_only=True):
            connection.close_if_unusable_or_obsolete()
        return function(*args, **kwargs)

    return await asyncio.get_running_loop().run_in_executor(_executor, call)


_shared: dict[Hashable, asyncio.Future[Any]] = {}


async def share_in_database(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Like in_database, but callers that ask the same at the same moment share one call. Arguments must be hashable."""
    key = (asyncio.get_running_loop(), function, args, tuple(kwargs.items()))
    call = _shared.get(key)
    if call is None:
        call = _shared[key] = asyncio.ensure_future(in_database(function, *args, **kwargs))
        call.add_done_callback(lambda _: _shared.pop(key, None))
    result: R = await asyncio.shield(call)
    return result


def close_connections() -> None:
    """Close the connections of all these threads; they open again when needed."""
    together = Barrier(DATABASE_THREADS)

    def close() -> None:
        together.wait(timeout=10)
        connections.close_all()

    for call in [_executor.submit(close) for _ in range(DATABASE_THREADS)]:
        call.result()
