"""`/livez` and `/readyz`, answered without Django's threads: those may all be waiting for what is asked about."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from imgs import health

LIVE, READY = "/livez", "/readyz"
PATIENCE_SECONDS = 2.0

_threads = ThreadPoolExecutor(len(health.CHECKS), "probe")


async def answer(scope: Any, _receive: Any, send: Any) -> None:
    """Alive: this answer. Ready: database, channel layer and storage are usable; 503 names what is not."""
    broken = await broken_parts() if scope["path"] == READY else {}
    state = {"status": "unavailable" if broken else "ok"} | ({"broken": broken} if scope["path"] == READY else {})
    body = json.dumps(state).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    headers.append((b"cache-control", b"no-store"))
    await send({"type": "http.response.start", "status": 503 if broken else 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


async def broken_parts() -> dict[str, str]:
    """What is not usable, and why in a word; a part that does not answer in time counts."""
    found = await asyncio.gather(*(_try(check) for check in health.CHECKS.values()))
    return {part: why for part, why in zip(health.CHECKS, found, strict=True) if why}


async def _try(check: Any) -> str:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.get_running_loop().run_in_executor(_threads, check)
    except Exception as error:  # noqa: BLE001 (whatever it raises, the part is not usable)
        return type(error).__name__
    return ""
