"""Django under ASGI with a bound: at most 16 requests at work at once, on threads that keep their connections."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context, copy_context
from typing import Any, BinaryIO, TypeVar

from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http import FileResponse
from django.urls import set_script_prefix
from django.utils import translation

from imgs import problems

from .upload_cap import WHOLE_BODY, language_of

THREADS = 16
T = TypeVar("T")


class BoundedHandler(ASGIHandler):
    """Runs the whole of a Django request, middleware and view, in one of a fixed number of threads.

    Bodies arrive on the event loop, so a slow upload holds no thread. Signals of a request are sent in its thread,
    which is where Django looks after that thread's database connections.
    """

    def __init__(self) -> None:
        super().__init__()
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="django")

    def load_middleware(self, is_async: bool = False) -> None:
        """Build the chain for plain threads, whatever the base class asks for."""
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one HTTP request; stop when its client goes away."""
        try:
            body: Any = (scope.get("extensions") or {}).pop(WHOLE_BODY, None) or await self.read_body(receive)
        except RequestAborted:
            return
        answering = asyncio.ensure_future(self.answer(scope, body, send))
        leaving = asyncio.ensure_future(receive())  # after the body only http.disconnect can come
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if answering.done():
                answering.result()
            else:
                answering.cancel()

    async def answer(self, scope: Any, body: BinaryIO, send: Any) -> None:
        """Make the response in a thread and send it."""
        context = copy_context()
        work = self.start(context, self.respond, scope, body)
        try:
            response = await asyncio.wrap_future(work)
        except asyncio.CancelledError:
            work.add_done_callback(lambda work: self.abandon(work, body))
            raise
        if not response.streaming:
            await self.send_response(response, send)
            return
        try:
            if not response.is_async:
                response.streaming_content = self.pieces(context.copy(), iter(response.streaming_content))
            await self.send_response(response, send)
        finally:
            self.start(context.copy(), response.close)

    def abandon(self, work: Future[Any], body: BinaryIO) -> None:
        """Close what is left of a request whose client went away before the response was made."""
        if work.cancelled():
            body.close()
        elif not work.exception() and work.result().streaming:
            work.result().close()

    def start(self, context: Context, function: Callable[..., T], *args: Any) -> Future[T]:
        """Run `function` in a thread, with the language and whatever else the context holds."""
        return self.threads.submit(context.run, function, *args)

    def respond(self, scope: Any, body: BinaryIO) -> Any:
        """The response to a request with this body. A response that doesn't stream is complete, and closed."""
        try:
            set_script_prefix(get_script_prefix(scope))
            signals.request_started.send(sender=self.__class__, scope=scope)
            request, response = self.create_request(scope, body)
            answer: Any = self.get_response(request) if request else response
        except BaseException:
            body.close()
            raise
        answer._handler_class = self.__class__
        if isinstance(answer, FileResponse):
            answer.block_size = self.chunk_size
        if not answer.streaming:
            answer.close()
            body.close()
        return answer

    def create_request(self, scope: Any, body_file: Any) -> Any:
        """The request, or the answer to one with headers that can't be read, such as a charset that is none.

        Django takes a form without a Content-Length for an empty one; a body that came in chunks is measured here.
        """
        if all(name != b"content-length" for name, _value in scope["headers"]):
            length = body_file.seek(0, os.SEEK_END)
            body_file.seek(0)
            scope = {**scope, "headers": [*scope["headers"], (b"content-length", b"%d" % length)]}
        try:
            return super().create_request(scope, body_file)
        except ValueError:
            with translation.override(language_of(scope["headers"])):
                address = (scope.get("client") or [""])[0]
                return None, problems.answer(problems.bad_request(), path=scope["path"], address=address)

    async def pieces(self, context: Context, parts: Iterator[bytes]) -> AsyncIterator[bytes]:
        """What a synchronous stream yields, each piece made in a thread."""
        while (part := await asyncio.wrap_future(self.start(context, next, parts, None))) is not None:
            yield part
