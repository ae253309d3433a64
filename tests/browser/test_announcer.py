"""What people hear who listen to the page."""

from playwright.sync_api import Browser, FilePayload, expect

from tests.browser.conftest import OpenPage
from tests.browser.gallery_server import LiveGallery
from tests.browser.modules import Modules
from tests.browser.page import live

SAY = """({ Announcer }) => {
  window.heard = [];
  const region = { set textContent(text) { heard.push(text); } };
  const announcer = new Announcer(() => region);
  announcer.say("offline");
  announcer.say("a.jpg: too large", { isFailure: true });
  announcer.say("b.jpg: smaller");
  announcer.say("c.jpg: damaged", { isFailure: true });
  announcer.say("live");
}"""


def test_every_failure_is_said_and_of_all_else_that_waits_only_the_last(browser: Browser) -> None:
    modules = Modules(browser)
    modules.page.clock.install()
    modules.run("js/announcer.js", SAY)
    assert modules.page.evaluate("heard") == ["offline"]
    modules.page.clock.run_for(10_000)
    assert modules.page.evaluate("heard") == ["offline", "a.jpg: too large", "c.jpg: damaged", "live"]
    modules.close()


def test_every_file_that_can_not_be_taken_is_named(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = live(open_page(live_gallery.url))
    record = "() => heard.push(announcements.textContent.split(':')[0])"
    page.evaluate(f"window.heard = []; new MutationObserver({record}).observe(announcements, {{ childList: true }})")
    names = ["a.txt", "b.txt", "c.txt"]
    files: list[FilePayload] = [{"name": name, "mimeType": "text/plain", "buffer": b"Dear all"} for name in names]
    page.set_input_files("#file-input", files)
    expect(page.locator("#announcements")).to_contain_text(names[-1])
    assert page.evaluate("heard") == names
