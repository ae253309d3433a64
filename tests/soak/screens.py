"""The screens of a soak: pages in real Chromium that are asked, over its own protocol, how they are."""

import base64
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, ConsoleMessage, Page, expect

PROBE = (Path(__file__).parent / "probe.js").read_text()
ANSWER_SECONDS = 30.0
LONGEST_MS = {"not live": 10_000, "bare stage": 10_000}

Send = Callable[..., Any]


@dataclass
class Screen:
    """One page. `send` speaks Chromium's protocol to it."""

    name: str
    send: Send
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.send("Performance.enable", {})

    def run(self, expression: str) -> Any:
        """What an expression is, on the page."""
        answer = self.send("Runtime.evaluate", {"expression": expression, "returnByValue": True, "awaitPromise": True})
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{self.name}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def install_probe(self) -> None:
        """Make `window.soak`, which a reload would lose."""
        self.run(PROBE)

    def figures(self) -> dict[str, float]:
        """What the page holds after a garbage collection."""
        self.send("HeapProfiler.collectGarbage", {})
        metrics = {one["name"]: one["value"] for one in self.send("Performance.getMetrics", {})["metrics"]}
        return {
            "JS heap": self.send("Runtime.getHeapUsage", {})["usedSize"],
            "nodes": metrics["Nodes"],
            "listeners": metrics["JSEventListeners"],
            "documents": metrics["Documents"],
        }

    def problems(self) -> list[str]:
        """What somebody who looks at the screen would complain about, and what its console has since the last call."""
        complaints, self.complaints[:] = self.complaints[:], []
        return [f"{self.name}: {problem}" for problem in [*self.run("soak.problems()"), *complaints]]

    def waits(self) -> list[str]:
        """What has lasted too long since the last call, while pictures come every second."""
        waits = self.run("soak.waits()")
        return [
            f"{self.name}: {what} for {waits[what]:.0f} ms" for what, most in LONGEST_MS.items() if waits[what] > most
        ]

    def shown(self) -> list[tuple[str, str]]:
        """Ids and statuses of the pictures on the page, in their order."""
        return [(image_id, status) for image_id, status in self.run("soak.shown()")]

    def photograph(self, path: Path) -> None:
        """Save what it looks like."""
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", {"format": "png"})["data"]))


def open_screen(browser: Browser, name: str, url: str, viewport: Any) -> Screen:
    """A page of a visitor of its own, in a window in front."""
    page = browser.new_context(viewport=viewport, locale="en").new_page()
    screen = Screen(name, _sender(page))
    _listen(page, screen.complaints)
    page.goto(url)
    expect(page.locator("#cards [data-image-id], .wall__tile").nth(10)).to_be_attached()
    screen.install_probe()
    return screen


def _sender(page: Page) -> Send:
    session: CDPSession = page.context.new_cdp_session(page)
    return session.send


def _listen(page: Page, complaints: list[str]) -> None:
    def hear(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))


class HiddenTab:
    """A page behind another one of its window. Playwright keeps every page of its own in front, so it is opened, and
    spoken to, past it."""

    def __init__(self, browser: Browser, pump: Page) -> None:
        self._session = browser.new_browser_cdp_session()
        self._pump = pump
        self._answers: dict[int, Any] = {}
        self._number = 0
        self._session.on("Target.receivedMessageFromTarget", self._receive)

    def open(self, name: str, url: str, script: str = "") -> Screen:
        """The page at `url`, loaded, then covered by an empty one. `script` runs before any of its own."""
        context = self._session.send("Target.createBrowserContext")["browserContextId"]
        window = {"url": "about:blank", "browserContextId": context}
        first, second = (
            self._session.send("Target.createTarget", {**window, "newWindow": new})["targetId"] for new in (True, False)
        )
        senders = {target: self._attach(target) for target in (first, second)}
        hidden = next(target for target, send in senders.items() if self._visibility(send) == "hidden")
        self._cover = first if hidden == second else second
        senders[hidden]("Page.enable", {})
        senders[hidden]("Page.addScriptToEvaluateOnNewDocument", {"source": script})
        senders[hidden]("Page.navigate", {"url": url})
        screen = Screen(name, senders[hidden])
        self.wait_until(lambda: screen.run("document.readyState") == "complete")
        if screen.run("document.visibilityState") != "hidden":
            raise RuntimeError("the page can be seen")
        screen.install_probe()
        return screen

    def uncover(self) -> None:
        """Bring the page to the front."""
        self._session.send("Target.closeTarget", {"targetId": self._cover})

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for something on the page. Raises TimeoutError."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError("the hidden page does not get on")
            self._pump.wait_for_timeout(20)

    def _attach(self, target: str) -> Send:
        session = self._session.send("Target.attachToTarget", {"targetId": target, "flatten": False})["sessionId"]

        def send(method: str, params: dict[str, Any]) -> Any:
            self._number += 1
            number = self._number
            message = json.dumps({"id": number, "method": method, "params": params})
            self._session.send("Target.sendMessageToTarget", {"sessionId": session, "message": message})
            self.wait_until(lambda: number in self._answers)
            answer = self._answers.pop(number)
            if "error" in answer:
                raise RuntimeError(answer["error"])
            return answer["result"]

        return send

    def _receive(self, event: dict[str, Any]) -> None:
        answer = json.loads(event["message"])
        with suppress(KeyError):  # an event of the page
            self._answers[answer["id"]] = answer

    @staticmethod
    def _visibility(send: Send) -> Any:
        expression = {"expression": "document.visibilityState"}
        return send("Runtime.evaluate", expression)["result"]["value"]
