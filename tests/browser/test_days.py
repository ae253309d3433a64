"""Screens that stay open for days: what they remember is bounded, and nothing is missing when somebody looks."""

import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests import pictures
from tests.browser.conftest import CHROMIUM, SWITCHES, OpenPage
from tests.browser.gallery_server import GalleryServer, LiveGallery
from tests.browser.page import DEAFNESS, GONE, REMOVED, live, serve_changed
from tests.soak.screens import PROBE, HiddenTab
from tests.soak.soak import Soak
from tests.stack.fleet import until

SMALL = pictures.encoded(pictures.quadrants(), "JPEG")
KEPT = 30
LAPTOP = {"width": 1280, "height": 720}
# Runs in the checkout, on the data of a server that is down: more changes than can be replayed
MUCH_HAPPENS = """
from imgs import jobs, removal
from imgs.models import Gallery, UploadedImage
from tests.factories import upload
gallery = Gallery.objects.get(slug={slug!r})
for number in range(505):
    removal.remove(upload(gallery, name="came and went.jpg"))
removal.remove(UploadedImage.objects.get(gallery=gallery, original_name="removed.jpg"))
upload(gallery, name="new.jpg")
"""
# Somebody else's pictures, all of whose originals are lost
MANY_FAIL = """
from imgs import jobs, removal
from imgs.models import Gallery
from tests.factories import upload
gallery = Gallery.objects.get(slug={slug!r})
for _ in range({number}):
    jobs.write_off(upload(gallery))
"""


def upload_many(gallery: LiveGallery, count: int) -> None:
    for number in range(count):
        gallery.upload(SMALL, f"{number}.jpg")


def keep_few(page: Page) -> None:
    """Let the page remember no more than KEPT cards, so that the tests need not upload hundreds."""
    serve_changed(page, "main", "CARDS_KEPT = 300;", f"CARDS_KEPT = {KEPT};")


def forgetful(open_page: OpenPage, gallery: LiveGallery) -> Page:
    """A page that shows the newest KEPT of more pictures."""
    page = open_page("about:blank", viewport=LAPTOP, expected=(REMOVED,))
    keep_few(page)
    page.goto(gallery.url)
    expect(live(page).locator("#cards .card[data-status=ready]")).to_have_count(KEPT)
    return page


def names(page: Page) -> list[str]:
    return page.locator("#cards [data-image-id] .name").all_text_contents()


def test_a_page_keeps_nothing_of_pictures_that_were_removed(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    names = [f"{number}.jpg" for number in range(5)]
    for number, name in enumerate(names):
        live_gallery.upload(pictures.photo(1500, 1000, seed=number), name)
    until(lambda: all(card["srcset"] for card in live_gallery.cards()))
    page = live(open_page(live_gallery.url, viewport=LAPTOP, expected=(REMOVED,)))
    expect(page.locator(".frame-original[srcset]")).to_have_count(5)
    browser = page.context.new_cdp_session(page)

    def nodes() -> int:
        for _ in range(3):
            browser.send("HeapProfiler.collectGarbage")
            page.wait_for_timeout(100)
        return int(browser.send("Memory.getDOMCounters")["nodes"])

    before = nodes()
    for name in names:
        live_gallery.remove(name)
    expect(page.locator(".card")).to_have_count(0)
    assert nodes() < before - 5 * 20  # a card has more


def test_a_page_at_its_top_lets_go_of_the_oldest(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    upload_many(live_gallery, KEPT + 15)
    page = forgetful(open_page, live_gallery)
    live_gallery.upload(SMALL, "new.jpg")
    expect(page.locator(".card").first.locator(".name")).to_have_text("new.jpg")
    expect(page.locator(".card")).to_have_count(KEPT)
    page.locator(".card").last.scroll_into_view_if_needed()
    expect(page.locator(".card")).to_have_count(KEPT + 16)
    assert names(page) == ["new.jpg", *(f"{number}.jpg" for number in reversed(range(KEPT + 15)))]


def test_failures_of_others_push_no_picture_off_the_page(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    live_gallery.upload(SMALL, "seen.jpg")
    page = open_page("about:blank", viewport=LAPTOP, expected=(REMOVED,))
    keep_few(page)
    page.goto(live_gallery.url)
    expect(live(page).locator("#cards .card[data-status=ready]")).to_have_count(1)
    live_gallery.server.shell(MANY_FAIL.format(slug=live_gallery.slug, number=KEPT + 5))
    live_gallery.upload(SMALL, "after.jpg")
    expect(page.locator(".card .name")).to_have_text(["after.jpg", "seen.jpg"])


def test_nobody_who_looks_further_down_loses_a_card(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    upload_many(live_gallery, KEPT + 15)
    page = forgetful(open_page, live_gallery)
    page.locator(".card").last.scroll_into_view_if_needed()
    expect(page.locator(".card")).to_have_count(KEPT + 15)
    page.locator(".card").last.scroll_into_view_if_needed()
    live_gallery.upload(SMALL, "new.jpg")
    expect(page.locator("#pill")).to_have_text("1 new")
    expect(page.locator(".card")).to_have_count(KEPT + 15)
    page.evaluate("scrollTo(0, 0)")
    expect(page.locator(".card").first.locator(".name")).to_have_text("new.jpg")
    live_gallery.upload(SMALL, "newer.jpg")
    expect(page.locator(".card")).to_have_count(KEPT)


def test_more_new_pictures_than_may_wait_come_when_one_goes_up(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    upload_many(live_gallery, KEPT + 1)
    page = forgetful(open_page, live_gallery)
    page.evaluate("window.sameDocument = true")
    page.locator(".card").nth(20).evaluate("card => card.scrollIntoView()")
    before = names(page)
    upload_many(live_gallery, KEPT + 10)
    expect(page.locator("#pill")).to_have_text(re.compile(r"^3\d\+ new$"))
    assert [name for name in names(page) if name in before] == before
    live_gallery.remove("25.jpg")  # of the first ones: it has the highest place of this name that is shown
    page.locator("#pill").click()
    expect(page.locator("#pill")).to_be_hidden()
    expect(page.locator(".card").first.locator(".name")).to_have_text(f"{KEPT + 9}.jpg")
    truth = [card["id"] for card in live_gallery.cards()]
    shown = page.locator("#cards [data-image-id]").evaluate_all("cards => cards.map((card) => card.dataset.imageId)")
    assert shown == truth[: len(shown)]
    assert page.evaluate("window.sameDocument")


def test_somebody_can_upload_for_hours(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = live(open_page(live_gallery.url))
    files: list[Any] = [{"name": f"{n}.jpg", "mimeType": "image/jpeg", "buffer": SMALL} for n in range(104)]
    page.set_input_files("#file-input", [*files, {"name": "no.txt", "mimeType": "text/plain", "buffer": b"no"}])
    expect(page.locator("#uploads-count")).to_have_text("105 of 105 done", timeout=60_000)
    expect(page.locator(".upload[data-state=ready]")).to_have_count(100)
    expect(page.locator(".upload[data-state=failed]")).to_have_count(1)
    expect(page.locator(".upload .name").first).to_have_text("4.jpg")
    page.get_by_role("button", name="Clear finished").click()
    expect(page.locator("#uploads")).to_be_hidden()


def test_a_comparison_that_is_opened_hours_later_shows_both_pictures(
    live_gallery: LiveGallery, open_page: OpenPage
) -> None:
    page = live(open_page(live_gallery.url, expected=("status of 410",)))
    content = pictures.photo(150, 2400, quality=95)  # its small version is too large to come with the message
    page.set_input_files("#file-input", {"name": "tall.jpg", "mimeType": "image/jpeg", "buffer": content})
    expect(page.locator(".comparison")).to_be_visible()
    page.get_by_role("button", name="Compare").click()
    expect(page.locator(".comparison")).to_have_count(0)
    page.context.new_cdp_session(page).send("Network.clearBrowserCache")
    refused: list[str] = []

    def refuse_once(route: Route) -> None:
        refused.append(route.request.url)
        route.fulfill(status=410)

    (card,) = live_gallery.cards()
    page.route("**/image/**", refuse_once, times=1)
    page.wait_for_timeout(1_300)  # from then on what is to be said is said at once
    page.locator("#announcements").evaluate("element => (element.textContent = '')")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator(".comparison [data-side=result] img")).to_have_js_property("naturalWidth", 150)
    expect(page.locator("#announcements")).to_have_text("")  # it ended hours ago
    assert (len(refused), card["compressed_size"] > 8192) == (1, True)


def test_an_upload_ends_although_its_card_was_let_go_meanwhile(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    upload_many(live_gallery, KEPT + 1)
    page = open_page("about:blank", viewport=LAPTOP, expected=(REMOVED,))
    keep_few(page)
    page.add_init_script(DEAFNESS)
    page.goto(live_gallery.url)
    expect(live(page).locator("#cards .card[data-status=ready]")).to_have_count(KEPT)
    page.evaluate("window.isDeaf = true")
    page.set_input_files("#file-input", {"name": "mine.jpg", "mimeType": "image/jpeg", "buffer": SMALL})
    expect(page.locator(".upload[data-state=processing]")).to_have_count(1)
    upload_many(live_gallery, KEPT + 1)
    page.evaluate("hear()")
    expect(page.locator(".upload[data-state=ready]")).to_have_count(1)
    expect(page.locator(".card .name").first).to_have_text(f"{KEPT}.jpg")
    assert "mine.jpg" not in names(page)


@pytest.fixture
def hidden_tab(browser: Browser) -> Iterator[HiddenTab]:
    page = browser.new_page()
    yield HiddenTab(browser, page)
    page.close()


def test_nothing_piles_up_on_a_wall_that_nobody_sees(live_gallery: LiveGallery, hidden_tab: HiddenTab) -> None:
    upload_many(live_gallery, 20)
    wall = hidden_tab.open("wall", live_gallery.wall_url)
    hidden_tab.wait_until(lambda: len(wall.shown()) > 10)
    upload_many(live_gallery, 25)
    newest = live_gallery.cards()[0]["id"]
    hidden_tab.wait_until(lambda: newest in dict(wall.shown()))
    assert wall.run("document.querySelectorAll('canvas').length") <= 21
    assert wall.run("document.getAnimations().length") <= 21


def test_nothing_piles_up_on_a_page_that_nobody_sees(live_gallery: LiveGallery, hidden_tab: HiddenTab) -> None:
    page = hidden_tab.open(
        "page",
        live_gallery.url,
        "window.waiting = 0; window.most = 0; window.draw = requestAnimationFrame;"
        "window.requestAnimationFrame = (act) => {"
        " window.most = Math.max(window.most, window.waiting += 1);"
        " return draw((now) => { window.waiting -= 1; act(now); }); }",
    )
    upload_many(live_gallery, 20)
    hidden_tab.uncover()
    hidden_tab.wait_until(lambda: len(page.shown()) == 20)
    assert 1 <= page.run("most") <= 2, "drawing, and looking for older pictures"


@pytest.fixture
def away_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GalleryServer]:
    """A server of its own, whose image URLs live five seconds."""
    with GalleryServer(tmp_path_factory.mktemp("away"), {"SIGNED_URL_SECONDS": "5"}) as server:
        server.start()
        server.add_staff()
        yield server


def test_a_wall_comes_back_from_a_long_absence(away_server: GalleryServer, open_page: OpenPage) -> None:
    with closing(away_server.staff()) as staff:
        gallery = LiveGallery(away_server, staff)
    kept = gallery.upload(pictures.photo(600, 400, seed=1), "kept.jpg")
    removed = gallery.upload(pictures.photo(600, 400, seed=2), "removed.jpg")
    wall = open_page(gallery.wall_url, expected=GONE)
    page = live(open_page(gallery.url, expected=GONE))
    for screen in (wall, page):
        screen.evaluate("window.sameDocument = true")
        for card in (kept, removed):
            expect(screen.locator(f'[data-image-id="{card["id"]}"]')).to_have_count(1)
    away_server.stop()
    away_server.shell(MUCH_HAPPENS.format(slug=gallery.slug))
    away_server.start()
    new = gallery.cards()[0]
    assert new["original_name"] == "new.jpg"
    for screen in (wall, page):
        for card in (kept, new):
            expect(screen.locator(f'[data-image-id="{card["id"]}"]')).to_have_count(1)
        expect(screen.locator(f'[data-image-id="{removed["id"]}"]')).to_have_count(0)
        assert screen.evaluate("window.sameDocument")
    expect(wall.locator("[data-part=connection]")).to_be_hidden()
    expect(page.locator("#cards [data-image-id] .frame-original.is-loaded")).to_have_count(2)
    assert [card["id"] for card in gallery.cards()] == page.locator("#cards [data-image-id]").evaluate_all(
        "cards => cards.map((card) => card.dataset.imageId)"
    )


def test_a_picture_that_was_held_back_for_hours_is_shown_without_a_request_in_vain(
    away_server: GalleryServer, open_page: OpenPage
) -> None:
    with closing(away_server.staff()) as staff:
        gallery = LiveGallery(away_server, staff)
    upload_many(gallery, 6)
    page = live(open_page(gallery.url, viewport=LAPTOP))  # which fails the test for what its console says
    for card in page.locator(".card").all():
        card.scroll_into_view_if_needed()
        expect(card.locator(".frame-original.is-loaded")).to_be_visible()
    held_back = gallery.upload(pictures.photo(600, 400), "held back.jpg")
    expect(page.locator("#pill")).to_have_text("1 new")
    until(lambda: gallery.cards()[0]["srcset"])  # no later change brings fresh addresses
    page.wait_for_timeout(6_000)
    page.locator("#pill").click()
    expect(page.locator(f'[data-image-id="{held_back["id"]}"] .is-loaded')).to_be_visible()


def test_a_soak_hears_of_a_picture_that_breaks_for_a_moment_in_sight(
    live_gallery: LiveGallery, open_page: OpenPage
) -> None:
    page = live(open_page(live_gallery.url, expected=("status of 404",)))
    page.evaluate(PROBE)
    break_one = """async (opacity) => {
      const image = new Image(20, 20);
      Object.assign(image.style, { position: "fixed", top: 0, opacity });
      document.body.append(image);
      image.src = "/nowhere.jpg";
      await new Promise((end) => image.addEventListener("error", end));
      image.remove();
    }"""
    page.evaluate(break_one, 0)  # as behind its placeholder
    assert page.evaluate("soak.problems()") == []
    page.evaluate(break_one, 1)
    (problem,) = page.evaluate("soak.problems()")
    assert "/nowhere.jpg" in problem
    assert page.evaluate("soak.problems()") == []


@pytest.mark.timeout(300)
def test_a_minute_of_very_fast_days_leaves_every_screen_flat_and_right(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with browser.browser_type.launch(executable_path=CHROMIUM, args=SWITCHES) as own:  # its pages go with it
        report = Soak(own, tmp_path_factory.mktemp("soak")).run(minutes=1)
    assert report.failures == []
