"""Days on a wall, in minutes: image URLs that live 30 seconds, sockets that live 20, an upload every second.

Screens stay open meanwhile: the wall, a gallery page at its top, one scrolled down, one in a tab behind another. Every
few seconds each is measured and looked at; at the end each must show what the API says, without ever being reloaded.
"""

import os
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Page

from tests.browser.gallery_server import GalleryServer, LiveGallery
from tests.soak import processes
from tests.soak.flatness import Samples
from tests.soak.screens import HiddenTab, Screen, open_screen
from tests.soak.traffic import Traffic

FULL_HD = {"width": 1920, "height": 1080}
LAPTOP = {"width": 1280, "height": 800}
AT_FIRST, IN_A_BURST = 130, 330
SAMPLE_SECONDS = 4.0
CONVERGE_SECONDS = 60.0
CARDS_KEPT = 300  # main.js
FEWEST_OF_A_PAGE = 50  # of 60, others' failures are not shown
ENVIRONMENT = {"SIGNED_URL_SECONDS": "30", "HEARTBEAT_SECONDS": "1"}
PROGRAM = ("-m", "tests.soak.program")


@dataclass
class Report:
    """What came of it."""

    samples: Samples = field(default_factory=Samples)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def failures(self) -> list[str]:
        """Everything that must not be."""
        return [*self.problems, *(f"not flat: {who}" for who in self.samples.growing())]


class Soak:
    """One run against a server of its own with its data in `data_dir`; `photographs` is where pictures of it go."""

    def __init__(self, browser: Browser, data_dir: Path, photographs: Path | None = None) -> None:
        self._browser = browser
        self._pump: Page = browser.new_page()
        self._server = GalleryServer(data_dir, ENVIRONMENT, PROGRAM)
        self._photographs = photographs
        self._screens: list[Screen] = []
        self.report = Report()

    def run(self, minutes: float) -> Report:
        """Do it all."""
        with self._server as server:
            server.start()
            server.add_staff()
            with closing(server.staff()) as staff:
                self._gallery = LiveGallery(server, staff)
                self._run(Traffic(self._gallery, LiveGallery(server, staff)), minutes)
        return self.report

    def _run(self, traffic: Traffic, minutes: float) -> None:
        traffic.burst(AT_FIRST)
        self._open_screens()
        traffic.burst(IN_A_BURST)
        self._until("the wall has taken in a burst", lambda: self._is_right_on_the_wall(self._truth()))
        traffic.start()
        try:
            self._watch(minutes)
        finally:
            traffic.stop()
        self.report.problems += traffic.errors
        self.report.notes.append(f"{traffic.accepted} uploads, {traffic.removed} removals")
        self._compare()

    def _open_screens(self) -> None:
        url, wall = self._gallery.url, self._gallery.wall_url
        self.wall = open_screen(self._browser, "wall", wall, FULL_HD)
        self.top = open_screen(self._browser, "page at its top", url, LAPTOP)
        self.down = open_screen(self._browser, "page scrolled down", url, LAPTOP)
        self.down.run("document.querySelectorAll('#cards .card')[30].scrollIntoView()")
        self._hidden_tab = HiddenTab(self._browser, self._pump)
        self.hidden = self._hidden_tab.open("page in a hidden tab", url)
        self._screens = [self.wall, self.top, self.down, self.hidden]

    # Meanwhile

    def _watch(self, minutes: float) -> None:
        self.wall.waits()  # the stage may be bare in a burst: of many at once only the newest takes it
        end = time.monotonic() + minutes * 60
        photograph_at = time.monotonic()
        while (now := time.monotonic()) < end:
            self._sample()
            if self._photographs and now >= photograph_at:
                self._photograph(f"{(minutes * 60 - (end - now)) / 60:.0f}-minutes")
                photograph_at = now + max(15, minutes * 60 / 5)
            self._pump.wait_for_timeout(max(0, SAMPLE_SECONDS - (time.monotonic() - now)) * 1000)

    def _sample(self) -> None:
        for screen in self._screens:
            self._note([*screen.problems(), *screen.waits()])
            self._measured(screen.name, screen.figures())
        pid = self._server.pid
        descriptors, _sockets = processes.open_files(pid)
        self._measured("server", {
            "sockets": self._metric("dinding_sockets"),
            "descriptors": descriptors,
            "memory": processes.resident_bytes(pid),
            "memory of children": sum(map(processes.resident_bytes, processes.descendants(pid))),
        })  # fmt: skip
        renderers = sum(map(processes.resident_bytes, processes.renderers(os.getpid())))
        self._measured("browser", {"memory of renderers": renderers})

    def _measured(self, who: str, figures: dict[str, float]) -> None:
        self.report.samples.add(who, figures, time.monotonic())

    def _note(self, problems: list[str]) -> None:
        self.report.problems += [f"{time.strftime('%H:%M:%S')} {problem}" for problem in problems]

    def _metric(self, name: str) -> float:
        text = httpx.get(f"{self._server.url}/metrics", timeout=20).text
        return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} "))

    def _photograph(self, when: str) -> None:
        if self._photographs:
            self._photographs.mkdir(parents=True, exist_ok=True)
            for screen in (self.wall, self.top, self.down):
                screen.photograph(self._photographs / f"{when}-{screen.name.replace(' ', '-')}.png")

    # At the end

    def _compare(self) -> None:
        """Hold every screen against the API: as it stands, then after the hidden and the low one come to the front."""
        self._until("the queue is empty", lambda: self._metric("dinding_queue_length") == 0)
        self._until("the wall shows what there is", lambda: self._is_right_on_the_wall(self._truth()))
        self._until("the page at its top shows what there is", lambda: self._is_newest(self.top))
        self._until("the page scrolled down shows what there is", self._is_right_further_down)
        self._hidden_tab.uncover()
        self._until("the hidden page shows what there is", lambda: self._is_newest(self.hidden))
        self.down.run("scrollTo(0, 0)")
        self._until("the page that was scrolled down shows the newest", lambda: self._is_newest(self.down))
        self._photograph("end")
        for screen in self._screens:
            self._note(screen.problems())
        self._until(
            "there are as many sockets as screens", lambda: self._metric("dinding_sockets") == len(self._screens)
        )

    def _is_newest(self, screen: Screen) -> bool:
        shown, truth = screen.shown(), self._truth()
        return FEWEST_OF_A_PAGE <= len(shown) <= CARDS_KEPT and shown == truth[: len(shown)]

    def _is_right_further_down(self) -> bool:
        shown, truth = self.down.shown(), self._truth()
        places = [truth.index(card) for card in shown if card in truth]
        return len(places) == len(shown) > 0 and places == list(range(places[0], places[0] + len(places)))

    def _is_right_on_the_wall(self, truth: list[tuple[str, str]]) -> bool:
        shown = self.wall.shown()
        ready = [image for image, status in truth if status == "ready"]
        return len(shown) >= 8 and {image for image, _ in shown} <= set(ready[:60]) and ready[0] in dict(shown)

    def _truth(self) -> list[tuple[str, str]]:
        """Ids and statuses of what visitors may see, newest first, by the API."""
        cards: list[dict[str, Any]] = []
        before: dict[str, int] = {}
        while True:
            answer = httpx.get(self._gallery.images_url, params={"limit": 200, **before}, timeout=20).json()
            cards += answer["images"]
            if answer["next"] is None:
                return [(card["id"], card["status"]) for card in cards if card["status"] != "failed"]
            before = {"before": answer["next"]}

    def _until(self, what: str, condition: Callable[[], bool]) -> None:
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > CONVERGE_SECONDS:
                self.report.problems.append(f"not so within {CONVERGE_SECONDS:.0f} s: {what}")
                return
            self._pump.wait_for_timeout(250)
        self.report.notes.append(f"{what}: after {time.monotonic() - began:.1f} s")
