"""A picture whose address runs out."""

from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.modules import Modules


def test_a_picture_asks_again_however_often_its_address_was_renewed_unseen(browser: Browser) -> None:
    modules = Modules(browser)
    script = """async ({ LoadingPicture }) => {
      const image = document.createElement("img");
      image.loading = "lazy";
      const heard = [];
      const told = new Promise((resolve) => {
        const hear = (word) => () => resolve(heard.push(word));
        const now = Date.now;
        const options = { now, onLoad: hear("load"), onNeedsUrl: hear("needs"), onGivenUp: hear("given up") };
        const picture = new LoadingPicture(image, options);
        const expires = new Date(Date.now() + 30_000).toISOString();
        for (const url of ["/1.jpg", "/2.jpg", "/3.jpg", "/4.jpg"]) picture.show({ url, expires, revision: 1 });
      });
      document.body.append(image);
      await told;
      return heard;
    }"""
    assert modules.run("js/loading-picture.js", script) == ["needs"]
    modules.close()


def test_an_address_that_has_run_out_is_not_tried(browser: Browser) -> None:
    modules = Modules(browser)
    asked: list[str] = []
    modules.page.on("request", lambda request: asked.append(request.url))
    script = """async ({ LoadingPicture }) => {
      const heard = [];
      const image = new Image();
      const loaded = new Promise((resolve) => {
        const hear = (word) => () => heard.push(word);
        const options = { now: Date.now, onLoad: resolve, onNeedsUrl: hear("needs"), onGivenUp: hear("given up") };
        window.picture = new LoadingPicture(image, options);
      });
      const at = (seconds) => new Date(Date.now() + 1000 * seconds).toISOString();
      const old = { url: "/old.jpg", srcset: "/old.jpg 9w", expires: at(-1) };
      for (const revision of [1, 2]) picture.show({ ...old, revision });
      heard.push(picture.needsUrl);
      picture.show({ url: document.createElement("canvas").toDataURL(), expires: at(3600), revision: 2 });
      await loaded;
      return [...heard, picture.needsUrl];
    }"""
    assert modules.run("js/loading-picture.js", script) == ["needs", "needs", True, False]
    assert not [url for url in asked if "old.jpg" in url]
    modules.close()


def test_a_picture_that_was_given_up_still_needs_an_address(browser: Browser) -> None:
    modules = Modules(browser)
    script = """async ({ LoadingPicture }) => {
      const heard = [];
      let told;
      const hear = (word) => () => told(heard.push(word));
      const options = { now: Date.now, onLoad: hear("load"), onNeedsUrl: hear("needs"), onGivenUp: hear("given up") };
      const picture = new LoadingPicture(new Image(), options);
      const expires = new Date(Date.now() + 3_600_000).toISOString();
      const show = (url) => new Promise((resolve) => {
        told = resolve;
        picture.show({ url, expires, revision: 1 });
      });
      for (const url of ["/1.jpg", "/2.jpg", "/3.jpg"]) {
        await show(url);
        heard.push(picture.needsUrl);
      }
      const canvas = document.createElement("canvas");
      await show(canvas.toDataURL());
      return [...heard, picture.needsUrl];
    }"""
    heard = modules.run("js/loading-picture.js", script)
    assert heard == ["needs", True, "needs", True, "given up", True, "load", False]
    modules.close()


def test_a_picture_that_was_hidden_meanwhile_shows_again(browser: Browser) -> None:
    modules = Modules(browser)
    script = """async ({ LoadingPicture }) => {
      const image = new Image();
      const url = document.createElement("canvas").toDataURL();
      await new Promise((onLoad) => {
        window.picture = new LoadingPicture(image, { now: Date.now, onLoad, onNeedsUrl() {}, onGivenUp() {} });
        picture.show({ url, revision: 1 });
      });
      image.hidden = true;
      picture.show({ url, revision: 1 });
      return image.hidden;
    }"""
    assert modules.run("js/loading-picture.js", script) is False
    modules.close()


# What an <img> shows after the pictures `shown`, of these widths, one after the other; "/missing.jpg" never loads
SHOW = """async ({ LoadingPicture }, shown) => {
  const file = (width) => Object.assign(document.createElement("canvas"), { width, height: 1 }).toDataURL();
  const image = new Image();
  let told;
  const settled = () => told();
  const options = { now: Date.now, onLoad: settled, onNeedsUrl: settled, onGivenUp: settled };
  const picture = new LoadingPicture(image, options);
  const taken = [];
  for (const { width, at = width, choice = [], revision = 1 } of shown) {
    const srcset = choice.length ? choice.map((each) => `${file(each)} ${each}w`).join(", ") : null;
    await new Promise((resolve) => {
      told = resolve;
      const before = [image.src, image.srcset].join();
      picture.show({ url: at === null ? "/missing.jpg" : file(at), srcset, sizes: "10px", width, revision });
      taken.push([image.src, image.srcset].join() !== before);
      if (!taken.at(-1)) resolve();
    });
  }
  return taken;
}"""


@pytest.mark.parametrize(
    ("shown", "taken"),
    [
        ([{"width": 40}, {"width": 40, "choice": [10, 20]}], [True, False]),
        ([{"width": 40, "at": None}, {"width": 40, "choice": [10, 20]}], [True, True]),
        ([{"width": 15}, {"width": 40, "choice": [20, 40]}], [True, True]),
        ([{"width": 40, "choice": [10, 20]}, {"width": 40, "choice": [11, 21]}], [True, False]),
        ([{"width": 40}, {"width": 15, "at": 15, "revision": 2}], [True, True]),
    ],
    ids=["a loaded one stays", "a missing one is replaced", "a wider one comes", "renewed", "another revision"],
)
def test_a_loaded_picture_is_left_alone_until_there_is_a_better_one(
    browser: Browser, shown: list[dict[str, Any]], taken: list[bool]
) -> None:
    modules = Modules(browser)
    assert modules.run("js/loading-picture.js", SHOW, shown) == taken
    modules.close()
