"""What the browser makes of the messages about a gallery."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.modules import Modules

PLAY = """({ emptyState, apply, ordered, disposition }, messages) => {
  let state = emptyState();
  let previous = state;
  for (const message of messages) {
    previous = state;
    const counts = message.counts && (({ status }) => status === message.counts);
    state = apply(state, counts ? { ...message, counts } : message);
  }
  return {
    epoch: state.epoch, cursor: state.cursor, next: state.next, cards: ordered(state), removed: [...state.removed],
    lastChangedSomething: state !== previous, verdicts: messages.map((message) => disposition(state, message)),
  };
}"""


@pytest.fixture(scope="module")
def modules(browser: Browser) -> Iterator[Modules]:
    modules = Modules(browser)
    yield modules
    modules.close()


def card(name: str, position: int, seq: int, **more: Any) -> dict[str, Any]:
    return {"id": name, "position": position, "seq": seq, "revision": 1, "status": "ready", **more}


def snapshot(head: int, *images: dict[str, Any], following: int | None = None, epoch: str = "e") -> dict[str, Any]:
    return {"type": "snapshot", "epoch": epoch, "head": head, "images": list(images), "next": following}


def page(head: int, *images: dict[str, Any], following: int | None = None, epoch: str = "e") -> dict[str, Any]:
    return {**snapshot(head, *images, following=following, epoch=epoch), "type": "page"}


def changes(start: int, to: int, *cards: dict[str, Any], removed: dict[str, int] | None = None) -> dict[str, Any]:
    gone = [{"id": name, "seq": seq} for name, seq in (removed or {}).items()]
    return {"type": "changes", "from": start, "to": to, "cards": list(cards), "removed": gone, "more": False}


def play(modules: Modules, *messages: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = modules.run("js/gallery-state.js", PLAY, list(messages))
    return result


def names(state: dict[str, Any]) -> list[str]:
    return [one["id"] for one in state["cards"]]


def test_a_snapshot_gives_the_newest_first_and_the_cursor(modules: Modules) -> None:
    state = play(modules, snapshot(5, card("a", 1, 2), card("b", 3, 5)))
    assert (names(state), state["cursor"], state["epoch"], state["next"]) == (["b", "a"], 5, "e", None)


def test_the_next_changes_are_applied_and_move_the_cursor(modules: Modules) -> None:
    state = play(modules, snapshot(2, card("a", 1, 2)), changes(2, 4, card("b", 3, 4)))
    assert (names(state), state["cursor"]) == (["b", "a"], 4)


def test_changes_that_overlap_what_is_known_are_applied_once(modules: Modules) -> None:
    state = play(modules, snapshot(3, card("a", 1, 3, caption="new")), changes(1, 4, card("a", 1, 2), card("b", 4, 4)))
    assert (names(state), state["cursor"]) == (["b", "a"], 4)
    assert state["cards"][1]["caption"] == "new"


def test_doubled_changes_change_nothing(modules: Modules) -> None:
    live = changes(2, 4, card("b", 3, 4))
    state = play(modules, snapshot(2, card("a", 1, 2)), live, live)
    assert not state["lastChangedSomething"]
    assert state["cursor"] == 4


def test_changes_behind_a_gap_are_left_alone(modules: Modules) -> None:
    state = play(modules, snapshot(2, card("a", 1, 2)), changes(3, 4, card("b", 4, 4)))
    assert not state["lastChangedSomething"]
    assert (names(state), state["cursor"]) == (["a"], 2)


@pytest.mark.parametrize(
    ("start", "to", "verdict"), [(5, 6, "apply"), (3, 6, "apply"), (3, 5, "ignore"), (6, 7, "gap")]
)
def test_it_tells_what_to_do_with_changes(modules: Modules, start: int, to: int, verdict: str) -> None:
    script = "({ emptyState, apply, disposition }, [first, live]) => disposition(apply(emptyState(), first), live)"
    assert modules.run("js/gallery-state.js", script, [snapshot(5), changes(start, to)]) == verdict


def test_a_removed_picture_goes(modules: Modules) -> None:
    state = play(modules, snapshot(2, card("a", 1, 1), card("b", 2, 2)), changes(2, 3, removed={"a": 3}))
    assert (names(state), state["removed"]) == (["b"], [["a", 3]])


def test_a_removed_picture_does_not_come_back_by_an_older_page_or_answer(modules: Modules) -> None:
    start = [snapshot(4, card("b", 3, 4), following=3), changes(4, 5, removed={"a": 5})]
    late_page = play(modules, *start, page(4, card("a", 1, 2)))
    late_answer = play(modules, *start, {"type": "card", "card": card("a", 1, 2)})
    assert names(late_page) == names(late_answer) == ["b"]


def test_a_picture_that_came_and_went_before_its_upload_was_answered_stays_away(modules: Modules) -> None:
    state = play(modules, snapshot(7, card("b", 3, 4)), {"type": "card", "card": card("a", 5, 5)})
    assert names(state) == ["b"]


def test_a_picture_restored_with_a_higher_number_comes_back(modules: Modules) -> None:
    state = play(modules, snapshot(1, card("a", 1, 1)), changes(1, 2, removed={"a": 2}), changes(2, 3, card("a", 1, 3)))
    assert (names(state), state["removed"]) == (["a"], [])


def test_the_higher_number_wins_whoever_carried_it(modules: Modules) -> None:
    answer = {"type": "card", "card": card("a", 3, 3, status="queued")}
    state = play(modules, snapshot(2), changes(2, 4, card("a", 3, 4)), answer)
    assert state["cards"][0]["status"] == "ready"


def test_the_answer_to_an_upload_leaves_the_cursor_alone(modules: Modules) -> None:
    state = play(modules, snapshot(2), {"type": "card", "card": card("a", 4, 4)})
    assert (names(state), state["cursor"]) == (["a"], 2)


def test_a_snapshot_keeps_what_ran_ahead_of_it(modules: Modules) -> None:
    ahead = [{"type": "card", "card": card("mine", 6, 6)}, changes(2, 7, removed={"a": 7})]
    state = play(modules, snapshot(2, card("a", 1, 1)), *ahead, snapshot(5, card("a", 1, 1), card("b", 4, 5)))
    assert names(state) == ["mine", "b"]


def test_a_snapshot_of_another_epoch_replaces_everything(modules: Modules) -> None:
    state = play(modules, snapshot(9, card("a", 9, 9)), snapshot(1, card("b", 1, 1), epoch="f"))
    assert (names(state), state["cursor"], state["epoch"]) == (["b"], 1, "f")


def test_an_older_page_is_added_below(modules: Modules) -> None:
    state = play(
        modules,
        snapshot(9, card("d", 8, 8), card("c", 7, 9), following=7),
        page(9, card("b", 2, 2), card("a", 1, 1)),
    )
    assert (names(state), state["cursor"], state["next"]) == (["d", "c", "b", "a"], 9, None)


def test_a_page_of_another_epoch_is_refused(modules: Modules) -> None:
    state = play(modules, snapshot(9, card("d", 8, 8), following=8), page(9, card("x", 1, 1), epoch="f"))
    assert names(state) == ["d"]


def test_a_change_below_the_loaded_pages_waits_for_its_page(modules: Modules) -> None:
    start = [snapshot(9, card("d", 8, 8), following=8), changes(9, 10, card("a", 1, 10, caption="new"))]
    assert names(play(modules, *start)) == ["d"]
    state = play(modules, *start, page(9, card("b", 2, 2), card("a", 1, 1)))
    assert names(state) == ["d", "b", "a"]
    assert state["cards"][2]["caption"] == "new"


def test_the_picture_that_a_live_change_carried_stays_with_its_card(modules: Modules) -> None:
    live = changes(0, 2, card("a", 1, 2, compressed_data="data:image/jpeg;base64,AA"))
    for later in (snapshot(3, card("a", 1, 2)), changes(2, 3, card("a", 1, 3, caption="new"))):
        state = play(modules, snapshot(0), live, later)
        assert state["cards"][0]["compressed_data"] == "data:image/jpeg;base64,AA"


def test_another_revision_drops_the_carried_picture(modules: Modules) -> None:
    live = changes(0, 2, card("a", 1, 2, compressed_data="data:image/jpeg;base64,AA"))
    state = play(modules, snapshot(0), live, changes(2, 3, card("a", 1, 3, revision=2)))
    assert "compressed_data" not in state["cards"][0]


def test_fresh_urls_reach_known_cards_only(modules: Modules) -> None:
    urls = {"original_url": "/o", "compressed_url": "/c", "srcset": None}
    signed = {"type": "signed", "images": {"a": urls, "x": urls}, "urls_expire_at": "2026-01-01T00:00:00Z"}
    state = play(modules, snapshot(1, card("a", 1, 1)), signed)
    assert state["cards"] == [card("a", 1, 1, **urls, urls_expire_at="2026-01-01T00:00:00Z")]


def test_unknown_messages_change_nothing(modules: Modules) -> None:
    state = play(modules, snapshot(1, card("a", 1, 1)), {"type": "fireworks"})
    assert not state["lastChangedSomething"]


class Gallery:
    """The truth, as the server keeps it."""

    def __init__(self, chance: random.Random) -> None:
        self.head = 0
        self.rows: dict[str, tuple[int, int, str]] = {}
        self._chance = chance

    def change(self) -> None:
        self.head += 1
        alive = [name for name, row in self.rows.items() if row[2] != "removed"]
        if not alive or self._chance.random() < 0.5:
            self.rows[f"picture {self.head}"] = (self.head, self.head, "queued")
            return
        name = self._chance.choice(alive)
        status = self._chance.choice(["ready", "failed", "removed"])
        self.rows[name] = (self.rows[name][0], self.head, status)

    def cards(self, after: int = -1) -> list[dict[str, Any]]:
        rows = sorted(self.rows.items(), key=lambda row: -row[1][0])
        return [
            card(name, position, seq, status=status)
            for name, (position, seq, status) in rows
            if status != "removed" and seq > after
        ]

    def since(self, after: int) -> dict[str, Any]:
        gone = {name: seq for name, (_, seq, status) in self.rows.items() if status == "removed" and seq > after}
        return changes(after, self.head, *self.cards(after), removed=gone)


def interleaving(seed: int) -> tuple[list[dict[str, Any]], Gallery]:
    """Messages of a gallery: lost, doubled, merged and out of order."""
    chance = random.Random(seed)
    gallery = Gallery(chance)
    messages: list[dict[str, Any]] = []
    for _ in range(chance.randrange(8)):
        gallery.change()
    messages.append(snapshot(gallery.head, *gallery.cards()))
    for _ in range(40):
        before = gallery.head
        for _ in range(chance.randrange(1, 4)):
            gallery.change()
        if gallery.cards() and chance.random() < 0.3:
            messages.append({"type": "card", "card": chance.choice(gallery.cards())})
        live = gallery.since(before)
        if chance.random() < 0.8:
            messages.insert(chance.randrange(max(1, len(messages) - 3), len(messages) + 1), live)
        if chance.random() < 0.2:
            messages.append(gallery.since(chance.randrange(gallery.head)))
    return messages, gallery


def test_any_interleaving_ends_as_a_fresh_snapshot(modules: Modules) -> None:
    for seed in range(40):
        messages, gallery = interleaving(seed)
        cursor = play(modules, *messages)["cursor"]
        state = play(modules, *messages, gallery.since(cursor))
        assert state["cursor"] == gallery.head, seed
        assert state["cards"] == gallery.cards(), seed
