"""The project's JavaScript modules in a real browser, without a server."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, Route

STATIC = Path(__file__).resolve().parents[2] / "static"
ORIGIN = "http://modules.test"


class Modules:
    """A blank page that can import the modules of `static/`."""

    def __init__(self, browser: Browser, **context: Any) -> None:
        self._context: BrowserContext = browser.new_context(**context)
        self._context.route("**/*", _serve)
        self.page: Page = self._context.new_page()
        self.page.goto(f"{ORIGIN}/")

    def run(self, module: str, script: str, argument: Any = None) -> Any:
        """What the function `script`, given the module and `argument`, returns."""
        call = f"async ([path, argument]) => ({script})(await import(path), argument)"
        return self.page.evaluate(call, [f"/{module}", argument])

    def close(self) -> None:
        self._context.close()


def _serve(route: Route) -> None:
    path = STATIC / route.request.url.removeprefix(ORIGIN).lstrip("/")
    if path.is_file():
        route.fulfill(path=path, content_type="text/javascript")
    else:
        route.fulfill(body="<!doctype html><html lang=en></html>", content_type="text/html")
