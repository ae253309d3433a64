"""How much of a request body is taken in: a declared or arriving body over the cap is refused while it arrives.

Daphne collects a whole body before the application sees it, so there the cap sits in realtime/http_request.py. Under
any other ASGI server the wrapper `UploadCap` does the same.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, parse_cookie
from django.utils import translation

from imgs import problems
from imgs.intake import disk_has_room, stored_bytes

from .threads import share_in_database

WHOLE_BODY = "dinding.body"  # scope["extensions"]: the body as a binary file; whoever takes it out closes it
SMALL_BODY_BYTES = 100_000  # held in memory: always let through, so that staff can log in and tidy up a full disk
DISCARD_BYTES = 8 * 1024 * 1024
DISCARD_SECONDS = 5.0

logger = logging.getLogger(__name__)
Headers = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Refusal:
    """An HTTP answer that ends its connection."""

    status: int
    reason: str
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def as_http(self) -> bytes:
        """The answer as it goes over the wire in HTTP/1.1."""
        head = b"".join(b"%b: %b\r\n" % header for header in self.headers)
        return f"HTTP/1.1 {self.status} {self.reason}\r\n".encode() + head + b"\r\n" + self.body


def too_large() -> problems.Problem:
    """The problem of a body over the cap; what it names is the limit of the file inside."""
    return problems.too_large(settings.UPLOAD_MAX_BYTES)


def objection(length: int | None, max_bytes: int) -> Callable[[], problems.Problem] | None:
    """What speaks against a body of the declared `length` (None: not declared) before any of it arrived."""
    if length is not None and length > max_bytes:
        return too_large
    if (length is None or length > SMALL_BODY_BYTES) and not disk_has_room(max_bytes if length is None else length):
        return problems.storage_full
    return None


async def is_over_limit(length: int | None) -> bool:
    """Whether a body of the declared `length` holds a file that STORAGE_LIMIT_BYTES has no room for.

    One that does not say how long it is may be small: it is refused early only when there is no room at all.
    """
    wrapping = settings.UPLOAD_BODY_MAX_BYTES - settings.UPLOAD_MAX_BYTES
    size = 1 if length is None else length - wrapping
    if not settings.STORAGE_LIMIT_BYTES or size <= 0:
        return False
    try:
        return await share_in_database(stored_bytes) + size > settings.STORAGE_LIMIT_BYTES
    except DatabaseError:
        return False  # whoever takes the picture in meets it, too, and names it


def refusal(problem: Callable[[], problems.Problem], headers: Headers, **facts: Any) -> Refusal:
    """The answer to a request with these headers, in its language, noted in the log with the `facts`."""
    with translation.override(language_of(headers)):
        found = problem()
        body = json.dumps(found.as_json()).encode()
    logger.info("refused a request body", extra={"code": found.code, **facts})
    answer = [
        (b"content-type", problems.CONTENT_TYPE.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"x-content-type-options", b"nosniff"),
        (b"connection", b"close"),
    ]
    return Refusal(found.status.value, found.status.phrase, answer, body)


def language_of(headers: Headers) -> str:
    """The language asked for by cookie or Accept-Language."""
    request = HttpRequest()
    for name, value in headers:
        if name.lower() == b"accept-language":
            request.META["HTTP_ACCEPT_LANGUAGE"] = value.decode("latin1")
        elif name.lower() == b"cookie":
            request.COOKIES.update(parse_cookie(value.decode("latin1")))
    return translation.get_language_from_request(request)


class UploadCap:
    """ASGI wrapper: the application behind it never receives more than `max_bytes` of a request body."""

    def __init__(self, application: ASGI3Application, max_bytes: int) -> None:
        self.application = application
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Pass on what is no HTTP request or was measured by the server already; measure the rest."""
        if scope["type"] != "http" or WHOLE_BODY in (scope.get("extensions") or {}):
            await self.application(scope, receive, send)
        else:
            await Measured(self, scope, receive, send).run()


class Measured:
    """One request whose body is counted while it arrives."""

    def __init__(self, cap: UploadCap, scope: Any, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        self.cap, self.scope, self.client_receive, self.client_send = cap, scope, receive, send
        self.left = cap.max_bytes
        self.refused = self.answered = False

    async def run(self) -> None:
        """Call the application, unless the declared length is refused at once."""
        length = next((int(value) for name, value in self.scope["headers"] if name == b"content-length"), None)
        has_body = length is not None or any(name == b"transfer-encoding" for name, _value in self.scope["headers"])
        if has_body and (problem := objection(length, self.cap.max_bytes)):
            await self.refuse(problem, more_body=True)
        elif has_body and await is_over_limit(length):
            await self.refuse(problems.storage_full, more_body=True)
        else:
            await self.cap.application(self.scope, self.receive, self.send)

    async def receive(self) -> Any:
        """The next message for the application; a client whose body is over the cap looks as if it had gone away."""
        message: Any = {"type": "http.disconnect"} if self.refused else await self.client_receive()
        if message["type"] == "http.request":
            self.left -= len(message.get("body", b""))
            if self.left < 0:
                await self.refuse(too_large, more_body=message.get("more_body", False))
                return {"type": "http.disconnect"}
        return message

    async def send(self, message: Any) -> None:
        """Pass on what the application sends, unless the refusal was sent in its place."""
        if not self.refused:
            self.answered = True
            await self.client_send(message)

    async def refuse(self, problem: Callable[[], problems.Problem], more_body: bool) -> None:
        """Answer, discard what still arrives, then let the server close the connection."""
        self.refused = True
        facts = {"path": self.scope["path"], "client": self.scope.get("client")}
        answer = refusal(problem, self.scope["headers"], **facts)
        send: Callable[[Any], Any] = self.client_send
        if not self.answered:
            await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
            await send({"type": "http.response.body", "body": answer.body, "more_body": True})
        if more_body:
            await self.discard()
        if not self.answered:
            await send({"type": "http.response.body"})

    async def discard(self) -> None:
        """Read on for a while, so that a client busy with sending gets to see the answer before the end."""
        left = DISCARD_BYTES
        try:
            async with asyncio.timeout(DISCARD_SECONDS):
                while left > 0:
                    message: Any = await self.client_receive()
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return
                    left -= len(message.get("body", b""))
        except TimeoutError:
            return
