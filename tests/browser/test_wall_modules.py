"""What the wall decides and loads, without a server."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.modules import Modules

STAGE_MS = 6_000


class Director:
    """A WallDirector, the cards it is told of, and what it would have the screen show."""

    def __init__(self, browser: Browser) -> None:
        self._modules = Modules(browser)
        self.page = self._modules.page
        self.page.clock.install()
        self._modules.run(
            "js/wall-director.js",
            """({ WallDirector }) => {
              window.broken = [];
              window.shown = { items: [], staged: null };
              let decoded = new Map();
              const pictures = {
                busy: false,
                want: (cards) => { decoded = new Map(cards.map(({ id }) => [id, {}])); },
                get: (id) => (broken.includes(id) ? undefined : decoded.get(id)),
                fit() {},
              };
              const render = ({ items, staged }) => {
                window.shown = { items: items.map(({ card }) => card.id), staged: staged?.card.id ?? null };
                return items.slice(0, 10).map(({ card }) => ({ id: card.id, longest: 1 }));
              };
              const director = new WallDirector({ view: { render }, pictures });
              window.update = (epoch, positions) => {
                const cards = positions.map((position) => ({ id: String(position), position, status: "ready" }));
                const known = new Map(cards.map((card) => [card.id, card]));
                director.update({ epoch, cards: known, removed: new Map(), next: null });
              };
            }""",
        )

    def update(self, positions: range, epoch: str = "e") -> None:
        """The gallery has pictures at these positions now; the position is the id, too."""
        self.page.evaluate("([epoch, positions]) => update(epoch, positions)", [epoch, list(positions)])

    def staged(self) -> str | None:
        staged: str | None = self.page.evaluate("shown.staged")
        return staged

    def close(self) -> None:
        self._modules.close()


@pytest.fixture
def director(browser: Browser) -> Iterator[Director]:
    director = Director(browser)
    yield director
    director.close()


def test_a_picture_keeps_the_stage_however_many_come(director: Director) -> None:
    director.update(range(1, 41))
    director.update(range(1, 42))
    for newest in range(42, 70):
        director.update(range(newest - 40, newest + 1))
        assert director.staged() == "41"
    director.page.clock.run_for(STAGE_MS)
    assert director.staged() == "69"


def test_the_stage_goes_on_after_a_restore(director: Director) -> None:
    director.update(range(1, 41))
    director.update(range(1, 21), epoch="restored")
    assert director.staged() is None
    director.update(range(1, 22), epoch="restored")
    assert director.staged() == "21"


def test_a_newest_picture_that_cannot_be_loaded_stops_no_turns(director: Director) -> None:
    director.update(range(1, 41))
    director.page.evaluate("broken = ['41']")
    director.update(range(1, 42))
    before = director.page.evaluate("shown.items")
    director.page.clock.run_for(60_000)
    assert director.page.evaluate("shown.items") != before
    director.page.evaluate("broken = []")
    director.page.clock.run_for(60_000)
    assert director.staged() is None
    assert "41" in director.page.evaluate("shown.items")


def test_what_could_not_be_loaded_is_loaded_at_once_when_the_connection_is_back(browser: Browser) -> None:
    modules = Modules(browser)
    script = """async ({ WallPictures }) => {
      let told;
      const pictures = new WallPictures({ now: Date.now, renew: () => {}, onLoaded: () => told() });
      const tries = (act) => new Promise((resolve) => {
        told = resolve;
        act();
      });
      const urls_expire_at = new Date(Date.now() + 3_600_000).toISOString();
      const card = { id: "a", revision: 1, width: 4, height: 4, urls_expire_at, original_url: "/nothing.jpg" };
      await tries(() => pictures.want([card]));
      const before = [pictures.busy, pictures.get("a") !== undefined];
      card.original_url = document.createElement("canvas").toDataURL();
      await tries(() => {
        pictures.tryAgain();
        before.push(pictures.busy);
        if (!pictures.busy) told();
      });
      return [...before, pictures.get("a") !== undefined];
    }"""
    assert modules.run("js/wall-pictures.js", script) == [False, False, True, True]
    modules.close()


def test_a_picture_that_is_made_anew_while_it_loads_is_shown_as_it_is_now(browser: Browser) -> None:
    modules = Modules(browser)
    script = """async ({ WallPictures }) => {
      const urls_expire_at = new Date(Date.now() + 3_600_000).toISOString();
      const filled = (colour, revision) => {
        const canvas = Object.assign(document.createElement("canvas"), { width: 4, height: 4 });
        const context = canvas.getContext("2d");
        context.fillStyle = colour;
        context.fillRect(0, 0, 4, 4);
        const original_url = canvas.toDataURL();
        return { id: "a", revision, width: 4, height: 4, urls_expire_at, original_url };
      };
      let loads = 0;
      await new Promise((resolve) => {
        const onLoaded = () => { if ((loads += 1) === 2) resolve(); };
        window.pictures = new WallPictures({ now: Date.now, renew: () => {}, onLoaded });
        pictures.want([filled("red", 1)]);
        pictures.want([filled("blue", 2)]);
        setTimeout(resolve, 3_000);
      });
      return [...pictures.get("a").getContext("2d").getImageData(1, 1, 1, 1).data];
    }"""
    assert modules.run("js/wall-pictures.js", script) == [0, 0, 255, 255]
    modules.close()
