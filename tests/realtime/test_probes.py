"""`/livez` and `/readyz`: true answers, also while something underneath hangs."""

import threading
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from django.db import OperationalError

from imgs import health
from project.asgi import application

pytestmark = pytest.mark.usefixtures("gallery")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


@pytest.fixture
def hanging_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    answered = threading.Event()
    monkeypatch.setitem(health.CHECKS, "database", lambda: answered.wait(30) and None)
    yield
    answered.set()


async def test_it_is_alive(client: httpx.AsyncClient) -> None:
    response = await client.get("/livez")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def test_it_is_ready_when_all_parts_are_usable(client: httpx.AsyncClient) -> None:
    response = await client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ok", "broken": {}})


async def test_it_names_what_is_not_usable(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("the database is away")

    def silent() -> None:
        raise RuntimeError("Redis is away")

    def unwritable() -> None:
        raise PermissionError("read-only")

    for part, check in (("database", away), ("channel layer", silent), ("storage", unwritable)):
        monkeypatch.setitem(health.CHECKS, part, check)
    response = await client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["broken"] == {
        "database": "OperationalError",
        "channel layer": "RuntimeError",
        "storage": "PermissionError",
    }


@pytest.mark.usefixtures("hanging_database")
async def test_it_is_alive_and_says_what_hangs(client: httpx.AsyncClient) -> None:
    assert (await client.get("/livez")).status_code == 200
    response = await client.get("/readyz")
    assert (response.status_code, response.json()["broken"]) == (503, {"database": "TimeoutError"})
