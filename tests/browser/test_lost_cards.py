"""What becomes of an upload whose card the gallery has lost sight of."""

from playwright.sync_api import Browser, Route

from tests.browser.modules import Modules

LOOK_FOR_LOST = """async ({ LostCards }) => {
  const { UploadQueue } = await import("/js/upload-queue.js");
  const config = { images_url: "/api/images", upload_url: "/upload/", gallery: "main", max_bytes: 1000 };
  const nothing = { cards: new Map(), removed: new Map() };
  const lost = new LostCards({ config, onFound: (card) => queue.found(card), onGone: (id) => queue.gone(id) });
  const accepted = new Promise((resolve) => {
    window.queue = new UploadQueue({
      config,
      onChange: (upload) => (window.upload = upload),
      onAccepted: resolve,
      lookUp: (card) => lost.lookUp(card),
    });
  });
  window.settle = () => queue.settle(nothing);
  queue.add([new File(["x"], "x.jpg", { type: "image/jpeg" })]);
  await accepted;
}"""


class Lost:
    """A queue with one accepted file, whose card a gallery that answers `answers` in turn has lost sight of."""

    def __init__(self, browser: Browser, *answers: dict[str, str] | None) -> None:
        self._modules = Modules(browser)
        self.page = self._modules.page
        self._answers = list(answers)
        card = {"id": "mine", "position": 7, "status": "queued"}
        self.page.route("**/upload/", lambda route: route.fulfill(status=202, json={"image": card}))
        self.page.route("**/api/images?*", self._answer)
        self.page.clock.install()
        self._modules.run("js/lost-cards.js", LOOK_FOR_LOST)

    def settle(self) -> None:
        """A change of the gallery comes that doesn't hold the card."""
        self.page.evaluate("settle()")

    def until(self, state: str) -> None:
        """Wait until the upload is in this state, for at most 50 s of the page's clock."""
        for _ in range(100):
            if self.page.evaluate("upload.state") == state:
                return
            self.page.clock.run_for(500)
        raise AssertionError(f"never {state}: {self.page.evaluate('upload.state')}")

    def close(self) -> None:
        self._modules.close()

    def _answer(self, route: Route) -> None:
        answer = self._answers.pop(0)
        if answer is None:
            route.fulfill(status=503)
        else:
            route.fulfill(json={"images": [answer]})


def test_who_looks_for_a_lost_card_too_soon_is_answered_later(browser: Browser) -> None:
    queued = {"id": "mine", "status": "queued"}
    lost = Lost(browser, queued, None, {"id": "mine", "status": "ready"})
    lost.settle()
    lost.settle()
    lost.until("ready")
    lost.close()


def test_an_upload_that_was_removed_while_nobody_looked_says_so(browser: Browser) -> None:
    lost = Lost(browser, {"id": "older", "status": "ready"})
    lost.settle()
    lost.until("failed")
    assert lost.page.evaluate("upload.code") == "removed"
    lost.close()
