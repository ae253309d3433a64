"""The client half of the websocket protocol, against a socket that says what a server or a network may say."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.modules import Modules

FAKE = """() => {
  window.connections = [];
  window.WebSocket = class {
    static OPEN = 1;
    constructor(url) {
      this.url = url;
      this.readyState = 0;
      this.sent = [];
      window.connections.push(this);
    }
    send(text) { this.sent.push(JSON.parse(text)); }
    close() { this.readyState = 3; }
    open() { this.readyState = 1; }
    hear(message) { this.onmessage({ data: JSON.stringify(message) }); }
    drop(code) { this.readyState = 3; this.onclose({ code, wasClean: code === 1000 }); }
  };
}"""

START = """({ GallerySocket }) => {
  window.cursor = { after: 5, epoch: "e" };
  window.heard = [];
  window.words = [];
  window.socket = new GallerySocket({
    url: () => "ws://modules.test/ws/gallery/main/",
    cursor: () => window.cursor,
    onMessage: (message) => {
      window.heard.push(message.type);
      if (message.type === "changes" && message.to > window.cursor.after) window.cursor.after = message.to;
    },
    onState: (word) => window.words.push(word),
  });
  window.socket.start();
}"""


class Wire:
    """A started GallerySocket whose cursor is 5, and what the other end of the wire sees."""

    def __init__(self, browser: Browser) -> None:
        self._modules = Modules(browser)
        self.page = self._modules.page
        self.page.clock.install(time=0)
        self.page.clock.pause_at(1)
        self.page.evaluate(FAKE)
        self._modules.run("js/gallery-socket.js", START)

    def hello(self, head: int = 5, epoch: str = "e") -> "Wire":
        self.page.evaluate("connections.at(-1).open()")
        self.hear(type="hello", gallery="main", epoch=epoch, head=head, heartbeat_seconds=15)
        return self

    def hear(self, **message: Any) -> None:
        self.page.evaluate("(message) => connections.at(-1).hear(message)", message)

    def changes(self, start: int, to: int, **more: Any) -> None:
        self.hear(**{"type": "changes", "from": start, "to": to, "cards": [], "removed": [], "more": False, **more})

    def heartbeat(self, head: int, epoch: str = "e") -> None:
        self.hear(type="heartbeat", head=head, epoch=epoch, viewers=2)

    def drop(self, code: int) -> None:
        self.page.evaluate("(code) => connections.at(-1).drop(code)", code)

    def pass_seconds(self, seconds: float) -> None:
        self.page.clock.run_for(round(seconds * 1000))

    def seconds_until_next_attempt(self) -> float:
        """Lose the connection, and let time pass until it is tried again."""
        before = self.connections
        self.drop(1006)
        for quarter in range(1, 50):
            self.pass_seconds(0.25)
            if self.connections > before:
                return quarter / 4
        raise AssertionError("it never tried again")

    def close(self) -> None:
        self._modules.close()

    @property
    def connections(self) -> int:
        return int(self.page.evaluate("connections.length"))

    @property
    def address(self) -> str:
        return str(self.page.evaluate("connections.at(-1).url"))

    @property
    def sent(self) -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = self.page.evaluate("connections.at(-1).sent")
        return sent

    @property
    def heard(self) -> list[str]:
        heard: list[str] = self.page.evaluate("heard")
        return heard

    @property
    def word(self) -> str:
        return str(self.page.evaluate("words.at(-1)"))


@pytest.fixture
def wire(browser: Browser) -> Iterator[Wire]:
    wire = Wire(browser)
    yield wire
    wire.close()


def test_it_connects_with_the_cursor_and_is_live_when_nothing_is_missing(wire: Wire) -> None:
    assert wire.address.endswith("?after=5&epoch=e")
    wire.hello(head=5)
    assert (wire.word, wire.sent) == ("live", [])


def test_it_is_catching_up_until_what_was_missed_has_come(wire: Wire) -> None:
    wire.hello(head=8)
    assert wire.word == "catching-up"
    wire.changes(5, 8)
    assert (wire.word, wire.sent) == ("live", [])


def test_a_gap_is_asked_for_after_a_moment(wire: Wire) -> None:
    wire.hello().changes(6, 7)
    wire.pass_seconds(0.2)
    assert (wire.sent, wire.heard) == ([], ["hello"])
    wire.pass_seconds(0.1)
    assert wire.sent == [{"type": "resume", "after": 5, "epoch": "e"}]
    assert wire.word == "catching-up"
    wire.changes(5, 7)
    assert wire.word == "live"


def test_a_gap_that_closes_by_itself_is_not_asked_for(wire: Wire) -> None:
    wire.hello().changes(6, 7)
    wire.changes(5, 7)
    wire.pass_seconds(1)
    assert wire.sent == []


def test_one_question_is_asked_at_a_time(wire: Wire) -> None:
    wire.hello().heartbeat(head=9)
    wire.heartbeat(head=10)
    wire.changes(8, 10)
    wire.pass_seconds(0.3)
    assert len(wire.sent) == 1


def test_an_answer_that_never_comes_is_asked_for_again(wire: Wire) -> None:
    wire.hello().heartbeat(head=9)
    wire.pass_seconds(5.1)
    assert [message["type"] for message in wire.sent] == ["resume", "resume"]


def test_it_goes_on_from_where_a_long_answer_stopped(wire: Wire) -> None:
    wire.hello(head=20).changes(5, 12, more=True)
    assert wire.sent == [{"type": "resume", "after": 12, "epoch": "e"}]
    assert wire.word == "catching-up"


@pytest.mark.parametrize(("head", "epoch"), [(3, "e"), (9, "another")])
def test_a_heartbeat_from_a_restored_gallery_asks_for_a_snapshot(wire: Wire, head: int, epoch: str) -> None:
    wire.hello().heartbeat(head=head, epoch=epoch)
    assert wire.heard[-1] == "reset"
    assert wire.word == "catching-up"


def test_nothing_is_applied_between_a_reset_and_the_new_snapshot(wire: Wire) -> None:
    wire.hello().hear(type="reset", head=900, epoch="e")
    wire.changes(899, 901)
    wire.hear(type="reset", head=901, epoch="e")
    wire.pass_seconds(1)
    assert (wire.heard, wire.sent) == (["hello", "reset"], [])
    wire.page.evaluate("cursor.after = 901; socket.resume()")
    wire.changes(901, 902)
    assert wire.heard[-1] == "changes"
    assert wire.word == "live"


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1012])
def test_it_returns_after_every_close(wire: Wire, code: int) -> None:
    wire.hello().drop(code)
    assert wire.word == "reconnecting"
    wire.pass_seconds(0.51)
    assert wire.connections == 2
    wire.hello()
    assert wire.word == "live"


def test_it_waits_longer_each_time_but_never_longer_than_ten_seconds(wire: Wire) -> None:
    waits = [wire.seconds_until_next_attempt() for _ in range(8)]
    assert waits[0] <= 0.5
    assert waits[1] <= 1
    assert all(5 <= wait <= 10.25 for wait in waits[5:])


def test_an_attempt_that_hangs_is_given_up(wire: Wire) -> None:
    wire.pass_seconds(7.9)
    assert wire.connections == 1
    wire.pass_seconds(0.7)
    assert wire.connections == 2


def test_three_silent_beats_mean_a_dead_connection(wire: Wire) -> None:
    wire.hello()
    wire.pass_seconds(44)
    assert wire.connections == 1
    wire.heartbeat(head=5)
    wire.pass_seconds(44)
    assert wire.connections == 1
    wire.pass_seconds(2)
    assert (wire.connections, wire.word) == (2, "reconnecting")


def test_coming_back_online_hastens_the_next_attempt(wire: Wire) -> None:
    for _ in range(5):
        wire.seconds_until_next_attempt()
    wire.drop(1006)
    wire.pass_seconds(0.5)
    before = wire.connections
    wire.page.evaluate("dispatchEvent(new Event('online'))")
    assert wire.connections == before + 1


def test_it_says_nothing_more_once_stopped(wire: Wire) -> None:
    wire.hello()
    wire.page.evaluate("socket.stop()")
    wire.pass_seconds(120)
    assert wire.connections == 1


def test_it_asks_for_fresh_urls_when_connected(wire: Wire) -> None:
    assert wire.page.evaluate("socket.sign(['a'])") is False
    wire.hello()
    assert wire.page.evaluate("socket.sign(['a'])") is True
    assert wire.sent == [{"type": "sign", "ids": ["a"]}]
