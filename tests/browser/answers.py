"""What a gallery shows when its server answers with more, or other, than it would by itself."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from playwright.sync_api import Page, Route

from tests import pictures

Card = dict[str, Any]


def change_cards(page: Page, change: Callable[[Card], Card]) -> None:
    """Let every card of a snapshot come changed."""

    def answer(route: Route) -> None:
        fetched = route.fetch()
        snapshot = fetched.json()
        route.fulfill(response=fetched, json={**snapshot, "images": [change(card) for card in snapshot["images"]]})

    page.route(re.compile(r"/images\?limit="), answer)


def answer_upload(page: Page, card: Card, **more: Any) -> None:
    """Answer every upload with this card."""
    page.route("**/upload/", lambda route: route.fulfill(status=202, json={"image": card, **more}))


def serve_renditions(page: Page, shape: float = 1.5) -> list[int]:
    """Serve what `srcset` names. Returns the widths that were asked for, as they come."""
    asked: list[int] = []

    def answer(route: Route) -> None:
        width = int(route.request.url.rstrip("/").rsplit("-", 1)[1])
        asked.append(width)
        content = pictures.encoded(pictures.quadrants(width, round(width / shape)), "WEBP")
        route.fulfill(body=content, content_type="image/webp")

    page.route(re.compile(r"/image/rendition-"), answer)
    return asked


def srcset(*widths: int, revision: int = 1) -> str:
    """Addresses of renditions with these widths."""
    return ", ".join(f"/image/rendition-{revision}-{width}/ {width}w" for width in widths)


def fields_sent(page: Page) -> list[dict[str, str]]:
    """The text fields of all uploads from now on."""
    sent: list[dict[str, str]] = []

    def look(route: Route) -> None:
        body = (route.request.post_data_buffer or b"").decode("latin-1")
        sent.append(dict(re.findall(r'name="(\w+)"\r\n\r\n([^\r]*)', body)))
        route.continue_()

    page.route("**/upload/", look)
    return sent


def choices(fields: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """What the uploader chose, of the fields of uploads."""
    return [{name: value for name, value in each.items() if name not in {"gallery", "key"}} for each in fields]
