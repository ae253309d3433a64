"""Which file a picture is shown from."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.modules import Modules

EDIT = {"crop": {"x": 0, "y": 0, "width": 500, "height": 1000}, "flip": False, "rotation": 0}
THREE = "/a/ 320w, /b/ 640w, /c/ 1280w"
# What a wall draws of one card, as its files' widths tell: the card changes as `more` says once the first was drawn
WALL = """async ({ WallPictures }, [card, longest, more]) => {
  const asked = [];
  const files = new Proxy({}, { get: (_, width) => picture(Number(width)) });
  const source = Object.getOwnPropertyDescriptor(HTMLImageElement.prototype, "src");
  function picture(width) {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width, width / 2];
    return canvas.toDataURL();
  }
  Object.defineProperty(HTMLImageElement.prototype, "src", {
    ...source,
    set(name) {
      asked.push(name);
      source.set.call(this, files[name]);
    },
  });
  let told;
  const pictures = new WallPictures({ now: Date.now, renew() {}, onLoaded: () => told() });
  const urls_expire_at = new Date(Date.now() + 3_600_000).toISOString();
  const loaded = (act) => new Promise((resolve) => {
    told = resolve;
    act();
    if (!pictures.busy) resolve();
  });
  const first = { id: "a", revision: 1, urls_expire_at, ...card };
  await loaded(() => pictures.want([first]));
  await loaded(() => pictures.fit("a", longest));
  if (more) await loaded(() => pictures.want([{ ...first, ...more }]));
  Object.defineProperty(HTMLImageElement.prototype, "src", source);
  return [asked, pictures.get("a").width];
}"""


@pytest.fixture(scope="module")
def modules(browser: Browser) -> Iterator[Modules]:
    modules = Modules(browser)
    yield modules
    modules.close()


def card(width: int = 4000, height: int = 2000, srcset: str | None = THREE, **more: Any) -> dict[str, Any]:
    return {
        "width": width,
        "height": height,
        "srcset": srcset,
        "original_url": "/original/",
        "compressed_url": "/small/",
        "compressed_width": 150,
        "compressed_height": 75,
        "urls_expire_at": "2026-01-31T09:30:00Z",
        "revision": 1,
        **more,
    }


def call(modules: Modules, name: str, *arguments: Any) -> dict[str, Any]:
    script = "(module, [name, values]) => module[name](...values)"
    result: dict[str, Any] = modules.run("js/picture-sources.js", script, [name, list(arguments)])
    return result


def test_the_grid_offers_the_renditions(modules: Modules) -> None:
    shown = call(modules, "forGrid", card())
    assert shown["srcset"] == THREE
    assert shown["sizes"].startswith("auto, ")
    assert shown["url"] == "/original/"


def test_the_window_offers_the_original_where_no_rendition_is_enough(modules: Modules) -> None:
    shown = call(modules, "forWindow", card())
    assert shown["srcset"] == f"{THREE}, /original/ 4000w"
    assert shown["sizes"] == "min(100vw, 200vh, 4000px)"
    assert call(modules, "forWindow", card(width=1280, height=640))["srcset"] == THREE


def test_the_original_is_shown_until_there_are_renditions(modules: Modules) -> None:
    for name in ("forGrid", "forWindow"):
        for absent in (card(srcset=None), {key: value for key, value in card().items() if key != "srcset"}):
            shown = call(modules, name, absent)
            assert (shown["url"], shown["srcset"], shown["sizes"]) == ("/original/", None, None)


def test_a_single_rendition_needs_no_choice(modules: Modules) -> None:
    shown = call(modules, "forGrid", card(width=200, height=100, srcset="/a/ 200w"))
    assert (shown["url"], shown["srcset"]) == ("/a/", None)


@pytest.mark.parametrize("name", ["forGrid", "forWindow"])
def test_an_edited_picture_is_never_shown_from_its_original(modules: Modules, name: str) -> None:
    shape = {"edit": EDIT, "compressed_width": 150, "compressed_height": 300}
    edited = call(modules, name, card(**shape))
    assert (edited["url"], edited["srcset"]) == ("/c/", THREE)
    waiting = call(modules, name, card(srcset=None, **shape))
    assert (waiting["url"], waiting["srcset"], waiting["width"]) == ("/small/", None, 150)


def test_an_edited_picture_has_the_shape_of_its_small_version(modules: Modules) -> None:
    edited = card(edit=EDIT, compressed_width=150, compressed_height=300)
    assert call(modules, "shownSize", edited) == {"width": 1280, "height": 2560}
    assert call(modules, "shownSize", {**edited, "srcset": None}) == {"width": 150, "height": 300}
    assert call(modules, "shownSize", card()) == {"width": 4000, "height": 2000}


@pytest.mark.parametrize(
    ("longest", "url"), [(1, "/a/"), (320, "/a/"), (321, "/b/"), (1280, "/c/"), (1300, "/original/")]
)
def test_the_smallest_file_that_is_large_enough_is_taken(modules: Modules, longest: int, url: str) -> None:
    assert call(modules, "fileFor", card(), longest)["url"] == url


def test_the_longer_side_of_an_upright_picture_counts(modules: Modules) -> None:
    upright = card(width=2000, height=4000)
    assert call(modules, "fileFor", upright, 640) == {"url": "/a/", "longest": 640}
    assert call(modules, "fileFor", upright, 641)["url"] == "/b/"


def test_the_largest_is_taken_when_none_is_enough(modules: Modules) -> None:
    assert call(modules, "fileFor", card(edit=EDIT), 9000)["url"] == "/c/"
    assert call(modules, "fileFor", card(edit=EDIT, srcset=None), 9000)["url"] == "/small/"


FILES = {"width": 2000, "height": 1000, "original_url": "2000", "compressed_url": "150"}
SMALL_VERSION = {"compressed_width": 150, "compressed_height": 75}
WIDTHS = "320 320w, 640 640w, 1280 1280w"


def test_the_wall_loads_no_more_than_it_shows(modules: Modules) -> None:
    asked, _ = modules.run("js/wall-pictures.js", WALL, [{**FILES, **SMALL_VERSION, "srcset": WIDTHS}, 400, None])
    assert asked == ["1280"]  # until told otherwise it counts on 960 and a little more


def test_the_wall_keeps_an_original_that_it_has(modules: Modules) -> None:
    more = {"srcset": WIDTHS, "seq": 2}
    asked, width = modules.run("js/wall-pictures.js", WALL, [{**FILES, **SMALL_VERSION, "srcset": None}, 900, more])
    assert asked == ["2000"]
    assert width == 1248


def test_the_wall_takes_a_rendition_of_an_edited_picture_as_soon_as_there_is_one(modules: Modules) -> None:
    start = {**FILES, **SMALL_VERSION, "srcset": None, "edit": EDIT}
    asked, width = modules.run("js/wall-pictures.js", WALL, [start, 900, {"srcset": WIDTHS, "seq": 2}])
    assert asked == ["150", "1280"]
    assert width == 1170
