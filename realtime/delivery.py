"""`/image/<signed_data>/`, answered as plain ASGI before Django's middleware.

A broadcast makes every viewer ask for the same picture at the same moment: requests for one file that arrive
together share one look into the database.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import BinaryIO

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope
from django.conf import settings
from django.db import Error as DatabaseError
from django.utils import translation
from django.utils.http import content_disposition_header, parse_etags

from imgs import files, problems, signing
from imgs.clock import clock
from imgs.files import StoredFile
from imgs.problems import Problem
from imgs.signing import Capability
from realtime.threads import share_in_database
from realtime.upload_cap import language_of

PREFIX = "/image/"
CHUNK_BYTES = 256 * 1024
NOT_AT_ALL = re.compile(r"q=0(\.0*)?")
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")

Headers = dict[str, str]


async def serve_image(scope: HTTPScope, _receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Hand out one file to whoever holds its URL, or say why not: forged 403, run out 410, removed 404."""
    if scope["method"] not in {"GET", "HEAD"}:
        await _start(send, 405, {"Allow": "GET, HEAD", "Content-Length": "0"})
        return
    try:
        if clock.is_stale:  # a process without a viewer of its own is seldom told the time
            await share_in_database(clock.measure)
        capability = signing.read(scope["path"].removeprefix(PREFIX).removesuffix("/"))
        file = await share_in_database(files.find, capability)
        if file is None:
            raise problems.not_found()
    except signing.Forged:
        await _refuse(scope, send, problems.forged_url)
    except signing.Expired:
        await _refuse(scope, send, problems.expired_url)
    except problems.Problem:
        await _refuse(scope, send, problems.not_found)
    except (DatabaseError, OSError):
        await _refuse(scope, send, problems.unavailable)
    else:
        await _answer(scope, send, capability, file)


async def _answer(scope: HTTPScope, send: ASGISendCallable, capability: Capability, file: StoredFile) -> None:
    asked = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    max_age = max(0, capability.expires_at - int(clock.now()))
    etag = f'"{capability.image.hex}-{capability.variant}-{capability.revision}"'
    headers = {
        "Cache-Control": f"private, max-age={max_age}, immutable",
        "Vary": "Accept",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    if _wants_facts(asked.get("accept", "")):
        await _send_facts(scope, send, capability, file, headers)
        return
    headers |= {
        "Content-Type": file.content_type,
        "Content-Disposition": content_disposition_header(False, file.download_name) or "inline",
        "ETag": etag,
        "Accept-Ranges": "bytes",
    }
    known = parse_etags(asked.get("if-none-match", ""))
    if etag in known or f"W/{etag}" in known or "*" in known:
        await _start(send, 304, headers)
    elif settings.ACCEL_REDIRECT and file.content is None:
        await _start(send, 200, headers | {"X-Accel-Redirect": f"/protected/{file.name}"})
    else:
        await _send_file(scope, send, file, headers, _range(asked, etag) if scope["method"] == "GET" else None)


async def _send_facts(
    scope: HTTPScope, send: ASGISendCallable, capability: Capability, file: StoredFile, headers: Headers
) -> None:
    facts = {
        "url": scope["path"],
        "content_type": file.content_type,
        "size": file.size,
        "width": file.width,
        "height": file.height,
        "expires_at": datetime.fromtimestamp(capability.expires_at, UTC).isoformat().replace("+00:00", "Z"),
    }
    body = json.dumps(facts).encode()
    headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    await _start(send, 200, headers, b"" if scope["method"] == "HEAD" else body)


async def _send_file(
    scope: HTTPScope,
    send: ASGISendCallable,
    file: StoredFile,
    headers: Headers,
    asked: tuple[int | None, int | None] | None,
) -> None:
    first, last, status = 0, file.size - 1, 200
    if asked:
        first, last = _resolve(asked, file.size)
        if first > last:
            await _start(send, 416, {"Content-Range": f"bytes */{file.size}", "Content-Length": "0"})
            return
        status = 206
        headers["Content-Range"] = f"bytes {first}-{last}/{file.size}"
    headers["Content-Length"] = str(last - first + 1)
    if scope["method"] == "HEAD":
        await _start(send, status, headers)
    elif file.content is not None:
        await _start(send, status, headers, file.content[first : last + 1])
    else:
        await _stream(scope, send, file, (status, headers), (first, last))


async def _stream(
    scope: HTTPScope, send: ASGISendCallable, file: StoredFile, start: tuple[int, Headers], part: tuple[int, int]
) -> None:
    try:  # before the response begins: after that no refusal can be sent
        opened = await asyncio.to_thread(open, file.path, "rb")
    except FileNotFoundError:
        await _refuse(scope, send, problems.not_found)
        return
    except OSError:
        await _refuse(scope, send, problems.unavailable)
        return
    with opened:
        await _start(send, *start, more=True)
        async for chunk in _read(opened, *part):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _read(opened: BinaryIO, first: int, last: int) -> AsyncIterator[bytes]:
    opened.seek(first)
    left = last - first + 1
    while left:
        chunk = await asyncio.to_thread(opened.read, min(left, CHUNK_BYTES))
        if not chunk:
            raise OSError(f"{opened.name} is shorter than its row says")
        left -= len(chunk)
        yield chunk


def _wants_facts(accept: str) -> bool:
    """Whether JSON is named among what is accepted; whoever takes just anything gets the picture."""
    for named in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in named.split(";"))
        if kind == "application/json" and not any(NOT_AT_ALL.fullmatch(parameter) for parameter in parameters):
            return True
    return False


def _range(asked: Headers, etag: str) -> tuple[int | None, int | None] | None:
    """The one range that is asked for, as (first, last); several ranges, or a malformed one, are answered whole."""
    found = RANGE.fullmatch(asked.get("range", ""))
    if not found or found[0] == "bytes=-" or asked.get("if-range", etag) != etag:
        return None
    first, last = (int(number) if number else None for number in found.groups())
    return None if first is not None and last is not None and last < first else (first, last)


def _resolve(asked: tuple[int | None, int | None], size: int) -> tuple[int, int]:
    """First and last byte of a range in a file of `size` bytes; first > last when it lies outside."""
    first, last = asked
    if first is None:
        return (max(0, size - (last or 0)), size - 1) if last else (size, size - 1)
    return first, min(size - 1 if last is None else last, size - 1)


async def _refuse(scope: HTTPScope, send: ASGISendCallable, problem: Callable[[], Problem]) -> None:
    with translation.override(language_of(scope["headers"])):
        response = problems.answer(problem(), path=PREFIX, address=(scope["client"] or [""])[0])
    headers = {
        "Content-Type": problems.CONTENT_TYPE,
        "Content-Length": str(len(response.content)),
        "Cache-Control": "no-store",
    }
    await _start(send, response.status_code, headers, b"" if scope["method"] == "HEAD" else response.content)


async def _start(
    send: ASGISendCallable, status: int, headers: Headers, body: bytes = b"", *, more: bool = False
) -> None:
    encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded, "trailers": False})
    if not more:
        await send({"type": "http.response.body", "body": body, "more_body": False})
