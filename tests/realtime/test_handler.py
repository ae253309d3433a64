"""Django behind the bounded handler: few threads, lasting connections, nothing left open."""

import asyncio
import io
import json
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.db import connection, connections
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from django.utils import translation

from realtime.handler import THREADS, BoundedHandler
from realtime.upload_cap import WHOLE_BODY


class Client:
    """One request as an ASGI server would bring it; `leave` is the client going away."""

    def __init__(self, target: str, body: bytes = b"", *, whole: Any = None, arriving: bool = False) -> None:
        self.messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: list[dict[str, Any]] = []
        self.got_piece = asyncio.Event()
        self.scope: dict[str, Any] = {
            "type": "http",
            "method": "POST",
            "path": target,
            "query_string": b"",
            "headers": [(b"host", b"localhost"), (b"content-length", b"%d" % len(body))],
            "extensions": {WHOLE_BODY: whole} if whole else {},
        }
        if not whole:
            self.messages.put_nowait({"type": "http.request", "body": body, "more_body": arriving})

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        if message.get("body"):
            self.got_piece.set()

    def leave(self) -> None:
        self.messages.put_nowait({"type": "http.disconnect"})

    def ask(self, handler: BoundedHandler) -> asyncio.Task[None]:
        return asyncio.create_task(handler(self.scope, self.messages.get, self.send))

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])


class Gate:
    """Holds views until it opens, and knows how many wait."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.lock = threading.Lock()
        self.inside = self.most_inside = 0
        self.full = asyncio.Event()
        self.loop = asyncio.get_running_loop()

    def hold(self) -> None:
        with self.lock:
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
            if self.inside == THREADS:
                self.loop.call_soon_threadsafe(self.full.set)
        assert self.opened.wait(20)
        with self.lock:
            self.inside -= 1


gate: Gate
kept: list[Any] = []
stream_ended = threading.Event()


def held(_request: HttpRequest) -> HttpResponse:
    gate.hold()
    return HttpResponse("held")


def size(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(len(request.body)))


def word(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.POST["word"])


def connected(_request: HttpRequest) -> HttpResponse:
    connection.ensure_connection()
    kept.append(connection.connection)  # else the next one may have the same id
    return HttpResponse(f"{threading.get_ident()} {id(connection.connection)}")


def aged(_request: HttpRequest) -> HttpResponse:
    connection.close_at = 0
    return HttpResponse("aged")


def language(_request: HttpRequest) -> HttpResponse:
    before = translation.get_language()
    translation.activate("id")
    return HttpResponse(before)


def fail(_request: HttpRequest) -> HttpResponse:
    raise LookupError("a view that fails")


def endless() -> Iterator[bytes]:
    try:
        while True:
            yield threading.current_thread().name.encode()
    finally:
        stream_ended.set()


async def asynchronous() -> AsyncIterator[bytes]:
    for piece in (b"one ", b"two"):
        yield piece


urlpatterns = [
    path("held/", held),
    path("size/", size),
    path("word/", word),
    path("connected/", connected),
    path("aged/", aged),
    path("language/", language),
    path("fail/", fail),
    path("endless/", lambda _request: StreamingHttpResponse(endless())),
    path("asynchronous/", lambda _request: StreamingHttpResponse(asynchronous())),
    path("file/", lambda _request: FileResponse(io.BytesIO(b"f" * 200_000))),
]


@pytest.fixture
async def handler(settings: Any) -> AsyncIterator[BoundedHandler]:
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = []
    handler = BoundedHandler()
    yield handler
    handler.threads.shutdown()


@pytest.fixture
async def a_gate() -> AsyncIterator[Gate]:
    global gate  # noqa: PLW0603 (views have no other way to it)
    gate = Gate()
    yield gate
    gate.opened.set()


async def close_connections(handler: BoundedHandler) -> None:
    """Close the connections of all threads, which wait for each other so that each takes one call."""
    together = threading.Barrier(len(handler.threads._threads))

    def close() -> None:
        together.wait(20)
        connections.close_all()

    await asyncio.gather(*[asyncio.wrap_future(handler.threads.submit(close)) for _ in range(together.parties)])


async def answered(handler: BoundedHandler, target: str, body: bytes = b"") -> Client:
    client = Client(target, body)
    await client.ask(handler)
    return client


async def test_it_reads_a_form_that_does_not_say_how_long_it_is(handler: BoundedHandler) -> None:
    client = Client("/word/", b'--b\r\nContent-Disposition: form-data; name="word"\r\n\r\nwhole\r\n--b--\r\n')
    client.scope["headers"] = [(b"host", b"localhost"), (b"content-type", b"multipart/form-data; boundary=b")]
    await client.ask(handler)
    assert client.body == b"whole"


async def test_it_works_on_16_requests_at_once_and_no_more(handler: BoundedHandler, a_gate: Gate) -> None:
    clients = [Client("/held/") for _ in range(3 * THREADS)]
    tasks = [client.ask(handler) for client in clients]
    await a_gate.full.wait()
    a_gate.opened.set()
    await asyncio.gather(*tasks)
    assert [client.body for client in clients] == [b"held"] * 3 * THREADS
    assert a_gate.most_inside == THREADS


async def test_it_holds_no_thread_while_bodies_arrive(handler: BoundedHandler) -> None:
    uploads = [Client("/size/", b"abc", arriving=True) for _ in range(2 * THREADS)]
    tasks = [upload.ask(handler) for upload in uploads]
    assert (await answered(handler, "/size/", b"12345")).body == b"5"
    for upload in uploads:
        upload.messages.put_nowait({"type": "http.request", "body": b"def"})
    await asyncio.gather(*tasks)
    assert {upload.body for upload in uploads} == {b"6"}


async def test_it_reads_the_body_that_the_server_hands_over_and_closes_it(handler: BoundedHandler) -> None:
    body = io.BytesIO(b"abcd")
    client = Client("/size/", whole=body)
    client.scope["headers"][1] = (b"content-length", b"4")
    await client.ask(handler)
    assert client.body == b"4"
    assert body.closed


async def test_it_does_not_begin_a_request_whose_client_left_the_queue(handler: BoundedHandler, a_gate: Gate) -> None:
    tasks = [Client("/held/").ask(handler) for _ in range(THREADS)]
    await a_gate.full.wait()
    body = io.BytesIO()
    gone = Client("/held/", whole=body)
    leaving = gone.ask(handler)
    gone.leave()
    await leaving
    a_gate.opened.set()
    await asyncio.gather(*tasks)
    handler.threads.shutdown()
    assert gone.sent == []
    assert body.closed


async def test_it_keeps_the_database_connection_of_a_thread(transactional_db: None, handler: BoundedHandler) -> None:
    clients = [Client("/connected/") for _ in range(60)]
    await asyncio.gather(*[client.ask(handler) for client in clients])
    pairs = {tuple(client.body.split()) for client in clients}
    assert len(pairs) == len({thread for thread, _connection in pairs}) <= THREADS
    await close_connections(handler)
    kept.clear()


async def test_it_replaces_a_connection_that_is_no_longer_good(transactional_db: None, handler: BoundedHandler) -> None:
    handler.threads.shutdown()
    handler.threads = ThreadPoolExecutor(1)
    first = await answered(handler, "/connected/")
    await answered(handler, "/aged/")
    assert (await answered(handler, "/connected/")).body != first.body
    await close_connections(handler)
    kept.clear()


async def test_it_carries_no_language_from_one_request_to_the_next(handler: BoundedHandler) -> None:
    assert [(await answered(handler, "/language/")).body for _ in range(3)] == [b"en"] * 3
    assert translation.get_language() == "en"


async def test_it_sends_the_signals_of_a_request_in_its_thread(handler: BoundedHandler) -> None:
    threads: list[tuple[str, str]] = []

    def started(**_: Any) -> None:
        threads.append(("started", threading.current_thread().name))

    def finished(**_: Any) -> None:
        threads.append(("finished", threading.current_thread().name))

    request_started.connect(started)
    request_finished.connect(finished)
    await answered(handler, "/size/")
    request_started.disconnect(started)
    request_finished.disconnect(finished)
    assert [name for name, _thread in threads] == ["started", "finished"]
    assert len({thread for _name, thread in threads}) == 1
    assert threads[0][1].startswith("django")


async def test_it_answers_500_when_a_view_fails(handler: BoundedHandler, caplog: pytest.LogCaptureFixture) -> None:
    body = io.BytesIO()
    client = Client("/fail/", whole=body)
    await client.ask(handler)
    assert client.status == 500
    assert body.closed
    assert "LookupError" in caplog.text


@pytest.mark.parametrize("charset", ["*=foo''bar", "*=idna''%ff", "*=undefined''%ff", "=a\0b"])
async def test_it_answers_400_to_a_charset_that_is_none(
    handler: BoundedHandler, caplog: pytest.LogCaptureFixture, charset: str
) -> None:
    client = Client("/size/")
    client.scope["headers"].append((b"content-type", f"text/plain; charset{charset}".encode()))
    await client.ask(handler)
    assert client.status == 400
    assert json.loads(client.body)["code"] == "bad_request"
    assert [(record.message, record.exc_info) for record in caplog.records] == [("refused", None)]


async def test_it_streams_in_its_threads_and_ends_with_the_client(handler: BoundedHandler) -> None:
    stream_ended.clear()
    client = Client("/endless/")
    task = client.ask(handler)
    await client.got_piece.wait()
    client.leave()
    await task
    assert await asyncio.to_thread(stream_ended.wait, 10)
    assert client.body.startswith(b"django")


@pytest.mark.parametrize(("target", "expected"), [("/asynchronous/", b"one two"), ("/file/", b"f" * 200_000)])
async def test_it_sends_whole_streams(handler: BoundedHandler, target: str, expected: bytes) -> None:
    client = await answered(handler, target)
    assert client.body == expected
    assert client.sent[-1].get("more_body", False) is False


async def test_it_drops_a_body_whose_client_left(handler: BoundedHandler) -> None:
    client = Client("/size/", b"abc", arriving=True)
    client.leave()
    await client.ask(handler)
    assert client.sent == []
