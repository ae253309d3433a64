"""Chromium, and the program it looks at."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.browser.gallery_server import GalleryServer, LiveGallery

CHROMIUM = "/usr/bin/chromium"
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
expect.set_options(timeout=25_000)


class OpenPage(Protocol):
    """Opens an address in a browser of its own. `expected`: parts of complaints on the console that the test wants."""

    def __call__(self, url: str, *, expected: tuple[str, ...] = (), **context: Any) -> Page: ...


@pytest.fixture(scope="session")
def gallery_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GalleryServer]:
    """The running program, with one member of staff."""
    with GalleryServer(tmp_path_factory.mktemp("gallery")) as server:
        server.start()
        server.add_staff()
        yield server


@pytest.fixture(scope="session")
def staff(gallery_server: GalleryServer) -> Iterator[httpx.Client]:
    """Somebody logged in to the admin."""
    client = gallery_server.staff()
    yield client
    client.close()


@pytest.fixture
def live_gallery(gallery_server: GalleryServer, staff: httpx.Client) -> LiveGallery:
    """An empty gallery."""
    return LiveGallery(gallery_server, staff)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens pages, each as a visitor of its own; complaints on their consoles fail the test."""
    complaints: list[str] = []
    contexts = []

    def listen(expected: tuple[str, ...]) -> Callable[[ConsoleMessage], None]:
        def hear(message: ConsoleMessage) -> None:
            is_known = any(part in message.text for part in expected)
            if message.type in {"error", "warning"} and not is_known:
                complaints.append(message.text)

        return hear

    def open_address(url: str, *, expected: tuple[str, ...] = (), **options: Any) -> Page:
        context = browser.new_context(**{"locale": "en", **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", listen(expected))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url)
        return page

    yield open_address
    for context in contexts:
        context.close()
    assert complaints == []
