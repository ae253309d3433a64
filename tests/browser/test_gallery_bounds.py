"""What the browser remembers of a gallery, and what it lets go of."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.modules import Modules
from tests.browser.test_gallery_state import card, changes, names, page, play, snapshot


@pytest.fixture(scope="module")
def modules(browser: Browser) -> Iterator[Modules]:
    modules = Modules(browser)
    yield modules
    modules.close()


def test_trimming_forgets_the_oldest(modules: Modules) -> None:
    cards = [card(str(number), number, number) for number in range(1, 11)]
    state = play(modules, snapshot(10, *cards), {"type": "trim", "keep": 3})
    assert (names(state), state["next"]) == (["10", "9", "8"], 8)


def test_what_was_trimmed_comes_back_as_an_older_page(modules: Modules) -> None:
    cards = [card(str(number), number, number) for number in range(6, 0, -1)]
    state = play(modules, snapshot(6, *cards), {"type": "trim", "keep": 3}, page(6, *cards[3:]))
    assert (names(state), state["next"]) == (["6", "5", "4", "3", "2", "1"], None)


def test_trimming_never_shows_a_card_with_a_hole_above_it(modules: Modules) -> None:
    loaded = [card(str(number), number, number) for number in (9, 8)]
    old = [card(str(number), number, number + 9) for number in (1, 2, 3)]
    state = play(modules, snapshot(9, *loaded, following=8), changes(9, 12, *old), {"type": "trim", "keep": 4})
    assert (names(state), state["next"]) == (["9", "8"], 8)


def test_it_remembers_no_more_than_the_last_removals(modules: Modules) -> None:
    gone = {str(number): number for number in range(2, 602)}
    for bound in ({"type": "trim", "keep": 60}, {"type": "hold", "above": 1, "keep": 60}):
        state = play(modules, snapshot(1, card("a", 1, 1)), changes(1, 601, removed=gone), bound)
        assert [seq for _, seq in state["removed"]] == list(range(601, 101, -1))
        assert names(state) == ["a"]


def failures(start: int, number: int) -> list[dict[str, Any]]:
    """Changes that bring this many failed cards, one by one, each followed by a trim to the newest 3 ready ones."""
    trim = {"type": "trim", "keep": 3, "counts": "ready"}
    each = [
        changes(at, at + 1, card(str(at + 1), at + 1, at + 1, status="failed")) for at in range(start, start + number)
    ]
    return [message for one in each for message in (one, trim)]


def test_cards_that_nobody_sees_push_out_none_that_somebody_sees(modules: Modules) -> None:
    start = snapshot(3, card("c", 3, 3), card("b", 2, 2), following=2)
    state = play(modules, start, *failures(3, 20))
    assert (names(state), state["next"]) == (["23", "22", "21", "c", "b"], 2)
    older = play(
        modules, start, *failures(3, 20), page(23, card("a", 1, 1)), {"type": "trim", "keep": 3, "counts": "ready"}
    )
    assert (names(older), older["next"]) == (["23", "22", "21", "c", "b", "a"], None)
    again = play(modules, start, *failures(3, 20), changes(23, 24, card("4", 4, 24)))
    assert names(again) == ["23", "22", "21", "4", "c", "b"]


def test_cards_that_nobody_sees_wait_for_nobody(modules: Modules) -> None:
    new = [card(str(number), number, number, status="failed") for number in range(3, 9)]
    hold = {**HOLD, "counts": "ready"}
    state = play(modules, snapshot(2, card("b", 2, 2)), changes(2, 8, *new), hold, changes(8, 9, card("9", 9, 9)), hold)
    assert names(state) == ["9", "8", "7", "6", "b"]


HOLD = {"type": "hold", "above": 2, "keep": 3}


def test_a_few_new_pictures_wait_for_somebody_further_down(modules: Modules) -> None:
    new = [card(str(number), number, number) for number in (3, 4, 5)]
    state = play(modules, snapshot(2, card("b", 2, 2), card("a", 1, 1)), changes(2, 5, *new), HOLD)
    assert names(state) == ["5", "4", "3", "b", "a"]


def test_too_many_new_pictures_are_left_out_and_the_rest_goes_on(modules: Modules) -> None:
    new = [card(str(number), number, number) for number in (3, 4, 5, 6)]
    held = [snapshot(2, card("b", 2, 2), card("a", 1, 1)), changes(2, 6, *new), HOLD]
    later = changes(6, 8, card("7", 7, 7), card("a", 1, 8, caption="new"))
    state = play(modules, *held, later, HOLD, {"type": "card", "card": card("mine", 9, 9)})
    assert (names(state), state["cursor"]) == (["b", "a"], 8)
    assert state["cards"][1]["caption"] == "new"
    assert names(play(modules, *held, changes(6, 7, removed={"b": 7}))) == ["a"]
    assert names(play(modules, *held, snapshot(7, card("7", 7, 7)), changes(7, 8, card("8", 8, 8)))) == ["8", "7"]
