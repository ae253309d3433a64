"""Send to a socket without waiting for it, and know at once when it would have to be waited for."""

import types
from collections.abc import Awaitable, Coroutine, Generator
from functools import partial
from typing import Any


def begin(sending: Coroutine[Any, Any, None]) -> Awaitable[None] | None:
    """Run a coroutine up to its first wait. None when it ended without one, else what is left of it to await.

    Most sends end without a wait: bytes go into the socket's buffer. One that waits tells of a slow reader, and
    must not hold up the others. Raises what the coroutine raises.
    """
    try:
        waits_for = sending.send(None)
    except StopIteration:
        return None
    return _rest(sending, waits_for)  # type: ignore[return-value]  # types.coroutine makes it awaitable


@types.coroutine
def _rest(sending: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, Any, None]:
    """Go on with a coroutine that was begun by hand: pass its waits on to the event loop, and what comes back to it."""
    while True:
        try:
            result = yield waits_for
        except BaseException as error:  # noqa: BLE001 (a cancellation, most of all, belongs to the coroutine)
            go_on = partial(sending.throw, error)
        else:
            go_on = partial(sending.send, result)
        try:
            waits_for = go_on()
        except StopIteration:
            return
