"""What a visitor does on the main page."""

import re

from playwright.sync_api import Page, Route, expect

# What a console says while the server is away, and when a picture is removed while it is fetched
GONE = (
    "ERR_CONNECTION_REFUSED",
    "WebSocket connection",
    "could not be loaded",
    "ERR_EMPTY_RESPONSE",
    "ERR_CONNECTION_RESET",
)
REMOVED = "status of 404"
# A script for before the page: while `isDeaf`, what its sockets receive waits for `hear()`
DEAFNESS = """
  const Socket = WebSocket;
  window.WebSocket = class extends Socket {
    set onmessage(act) {
      super.onmessage = act && ((event) => (window.isDeaf ? window.missed.push(event) : act(event)));
      if (act) window.hear = () => { window.isDeaf = false; window.missed.splice(0).forEach(act); };
    }
  };
  window.missed = [];
"""


def live(page: Page) -> Page:
    """The page, once it is connected and shows the gallery."""
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    expect(page.locator("#gallery")).to_have_attribute("aria-busy", "false")
    return page


def choose(page: Page, name: str, content: bytes, mime_type: str = "image/jpeg") -> None:
    """Choose one file to upload."""
    page.set_input_files("#file-input", {"name": name, "mimeType": mime_type, "buffer": content})


def serve_changed(page: Page, module: str, before: str, after: str) -> None:
    """Let the page load one of the modules in static/js with `after` in the place of `before`, such as a constant."""

    def change(route: Route) -> None:
        answer = route.fetch()
        script = answer.text()
        assert before in script
        route.fulfill(response=answer, body=script.replace(before, after))

    page.route(re.compile(rf"/js/{module}(\.\w+)?\.js$"), change)
