"""A picture whose address runs out."""

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
