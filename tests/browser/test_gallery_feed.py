"""A gallery in the browser: the snapshot, then what changes since, through all that may go wrong on the way."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Route

from tests.browser.modules import Modules
from tests.browser.test_gallery_socket import FAKE

START = """({ GalleryFeed }) => {
  window.words = [];
  window.viewers = null;
  window.feed = new GalleryFeed({
    config: { images_url: "/api/images", websocket_path: "/ws/gallery/main/" },
    onChange: () => {},
    onConnection: (word) => window.words.push(word),
    onViewers: (count) => { window.viewers = count; },
    bounds: () => window.bounds ?? { keep: Infinity },
  });
  window.feed.start();
}"""


class Feed:
    """A started GalleryFeed and the server it talks to: `answers` are given in turn, the last one for ever."""

    def __init__(self, browser: Browser) -> None:
        self._modules = Modules(browser)
        self.page = self._modules.page
        self.page.clock.install()
        self.asked: list[str] = []
        self.answers: list[dict[str, Any] | int] = []
        self.page.route("**/api/images?*", self._answer)
        self.page.evaluate(FAKE)

    def start(self, *answers: dict[str, Any] | int) -> "Feed":
        self.answers = list(answers)
        with self.page.expect_request_finished(lambda request: "/api/images" in request.url):
            self._modules.run("js/gallery-feed.js", START)
        return self

    def hear(self, **message: Any) -> None:
        self.page.evaluate("(message) => { connections.at(-1).open(); connections.at(-1).hear(message); }", message)

    def hello(self, head: int) -> None:
        self.hear(type="hello", gallery="main", epoch="e", head=head, heartbeat_seconds=15)

    def until(self, condition: str) -> None:
        """Wait for something that follows an answer to a request."""
        for _ in range(200):
            if self.page.evaluate(condition):
                return
            self.page.wait_for_timeout(25)
        raise AssertionError(f"never so: {condition}")

    def stop_the_clock(self) -> None:
        """From now on time passes only by `clock.run_for`."""
        self.page.clock.pause_at(self.page.evaluate("Date.now() / 1000") + 1)

    def names(self) -> list[str]:
        names: list[str] = self.page.evaluate("[...feed.state.cards.keys()]")
        return names

    def sent(self) -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = self.page.evaluate("connections.at(-1).sent")
        return sent

    def close(self) -> None:
        self._modules.close()

    def _answer(self, route: Route) -> None:
        self.asked.append(route.request.url.partition("?")[2])
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, int):
            route.fulfill(status=answer)
        else:
            route.fulfill(body=json.dumps(answer), content_type="application/json")


@pytest.fixture
def feed(browser: Browser) -> Iterator[Feed]:
    feed = Feed(browser)
    yield feed
    feed.close()


def images(head: int, *names: str, following: int | None = None) -> dict[str, Any]:
    cards = [
        {"id": name, "position": position, "seq": position, "revision": 1, "status": "ready"}
        for position, name in zip(range(head, 0, -1), names, strict=False)
    ]
    return {"epoch": "e", "head": head, "images": cards, "next": following}


def test_it_listens_from_where_the_snapshot_ends(feed: Feed) -> None:
    feed.start(images(7, "b", "a"))
    feed.until("connections.length === 1")
    assert feed.page.evaluate("connections[0].url") == "ws://modules.test/ws/gallery/main/?after=7&epoch=e"
    feed.hello(head=7)
    assert feed.page.evaluate("words") == ["catching-up", "live"]


def test_it_keeps_asking_while_the_gallery_cannot_be_reached(feed: Feed) -> None:
    feed.start(503, 503, images(1, "a"))
    feed.until("words.at(-1) === 'reconnecting'")
    feed.until("connections.length === 1")
    assert len(feed.asked) == 3
    assert feed.names() == ["a"]


def test_it_loads_in_browsers_that_cannot_join_signals(feed: Feed) -> None:
    feed.page.evaluate("() => { delete AbortSignal.any; }")
    feed.start(images(1, "a"))
    feed.until("feed.state.cards.size === 1")


def test_a_reset_loads_the_snapshot_again_and_goes_on_from_there(feed: Feed) -> None:
    feed.start(images(1, "a"), images(9, "c", "b"))
    feed.until("connections.length === 1")
    feed.hello(head=1)
    feed.hear(type="reset", head=9, epoch="e")
    feed.until("feed.state.cursor === 9")
    assert feed.names() == ["c", "b"]
    assert feed.sent() == [{"type": "resume", "after": 9, "epoch": "e"}]


def test_it_says_live_again_after_a_snapshot_that_came_late(feed: Feed) -> None:
    feed.start(images(1, "a"), 503, images(1, "a"))
    feed.until("connections.length === 1")
    feed.hello(head=1)
    feed.page.evaluate("feed.reload()")
    feed.until("words.at(-1) === 'reconnecting'")
    feed.page.clock.run_for(5_000)
    feed.until("connections[0].sent.length === 1")
    feed.hear(**{"type": "changes", "from": 1, "to": 1, "cards": [], "removed": [], "more": False})
    assert feed.page.evaluate("words") == ["catching-up", "live", "reconnecting", "catching-up", "live"]


def test_older_pages_are_asked_for_one_at_a_time(feed: Feed) -> None:
    feed.start(images(9, "d", "c", following=8), images(2, "b", "a"))
    feed.until("connections.length === 1")
    feed.page.evaluate("Promise.all([feed.loadMore(), feed.loadMore()])")
    assert feed.asked == ["limit=60", "limit=60&before=8"]
    assert feed.names() == ["d", "c", "b", "a"]
    assert feed.page.evaluate("feed.loadMore()") is False


def test_fresh_urls_are_asked_for_together(feed: Feed) -> None:
    feed.start(images(3, "c", "b", "a"))
    feed.until("connections.length === 1")
    feed.hello(head=3)
    feed.page.evaluate("feed.renew(['a']); feed.renew(['b', 'a'])")
    feed.page.clock.run_for(60)
    assert feed.sent() == [{"type": "sign", "ids": ["a", "b"]}]
    feed.page.evaluate("feed.renew(['a'])")
    feed.page.clock.run_for(5_000)
    assert len(feed.sent()) == 1
    feed.page.clock.run_for(6_000)
    assert feed.sent()[1:] == [{"type": "sign", "ids": ["a"]}]
    urls = {"original_url": "/new", "compressed_url": "/new-small", "srcset": None}
    feed.hear(type="signed", images={"a": urls}, urls_expire_at="2026-01-01T00:00:00Z")
    assert feed.page.evaluate("feed.state.cards.get('a').original_url") == "/new"


def test_many_fresh_urls_are_asked_for_a_few_requests_a_second(feed: Feed) -> None:
    feed.start(images(1, "a"))
    feed.until("connections.length === 1")
    feed.hello(head=1)
    feed.stop_the_clock()
    feed.page.evaluate("feed.renew(Array.from({ length: 1100 }, (_, number) => String(number)))")
    feed.page.clock.run_for(1_000)
    sizes = [len(message["ids"]) for message in feed.sent()]
    assert all(size <= 200 for size in sizes)
    assert len(sizes) <= 5
    feed.page.clock.run_for(1_000)
    assert sum(len(message["ids"]) for message in feed.sent()) == 1100


def test_fresh_urls_that_are_asked_for_one_by_one_are_no_more_requests(feed: Feed) -> None:
    feed.start(images(1, "a"))
    feed.until("connections.length === 1")
    feed.hello(head=1)
    feed.stop_the_clock()
    for number in range(20):
        feed.page.evaluate("(id) => feed.renew([id])", str(number))
        feed.page.clock.run_for(60)
    assert len(feed.sent()) <= 6
    feed.page.clock.run_for(300)
    assert sum(len(message["ids"]) for message in feed.sent()) == 20


def test_what_was_asked_for_without_a_connection_is_asked_once_there_is_one(feed: Feed) -> None:
    feed.start(images(1, "a"))
    feed.until("connections.length === 1")
    feed.page.evaluate("feed.renew(['a'])")
    feed.page.clock.run_for(100)
    assert feed.sent() == []
    feed.hello(head=1)
    feed.page.clock.run_for(100)
    assert feed.sent() == [{"type": "sign", "ids": ["a"]}]


def test_it_tells_how_many_are_watching(feed: Feed) -> None:
    feed.start(images(1, "a"))
    feed.until("connections.length === 1")
    feed.hello(head=1)
    feed.hear(type="heartbeat", head=1, epoch="e", viewers=3)
    assert feed.page.evaluate("viewers") == 3


def test_it_forgets_the_oldest_and_loads_them_again_on_the_way_down(feed: Feed) -> None:
    feed.page.evaluate("window.bounds = { keep: 2 }")
    feed.start(images(3, "c", "b", "a"), images(1, "a"))
    feed.until("connections.length === 1")
    assert feed.names() == ["c", "b"]
    feed.page.evaluate("window.bounds = { keep: Infinity }; feed.loadMore()")
    feed.until("feed.state.cards.has('a')")
    assert feed.asked == ["limit=60", "limit=60&before=2"]


def test_it_loads_the_gallery_afresh_once_however_often_it_is_told_to(feed: Feed) -> None:
    feed.start(images(1, "a"), images(9, "c", "b"))
    feed.until("connections.length === 1")
    feed.hello(head=1)
    feed.page.evaluate("feed.reload(); feed.reload()")
    feed.until("feed.state.cursor === 9")
    assert len(feed.asked) == 2
    with feed.page.expect_request_finished():
        feed.page.evaluate("feed.reload()")
    assert len(feed.asked) == 3
