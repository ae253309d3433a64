"""The page itself: on a phone, by keyboard, in both languages and themes, before anything has loaded."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FileChooser, Page, Route, expect

from tests import pictures
from tests.browser.conftest import OpenPage
from tests.browser.gallery_server import LiveGallery
from tests.browser.page import REMOVED, choose, live
from tests.stack.fleet import until

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 3}
SMALL = pictures.encoded(pictures.quadrants(), "JPEG")
OLDER_PAGE = re.compile(r"/images\?.*before=")
LONG_NAME = "a very long name without an end " * 8 + ".jpg"


def fill(live_gallery: LiveGallery, page: Page) -> None:
    """Two pictures by others and one of our own, its comparison open; one file that failed."""
    live_gallery.upload(pictures.photo(2000, 100), "panorama.jpg")
    live_gallery.upload(pictures.photo(100, 2000), LONG_NAME[-255:])
    choose(page, LONG_NAME, SMALL)
    expect(page.locator(".upload[data-state=ready]")).to_be_visible()
    choose(page, "notes.txt", b"Dear all", "text/plain")
    expect(page.locator(".upload[data-state=failed]")).to_be_visible()
    expect(page.locator(".card[data-status=ready] .frame-original.is-loaded")).to_have_count(3)


def nearly_all(live_gallery: LiveGallery, open_page: OpenPage) -> Page:
    """The page of a gallery with 66 pictures, of which it has loaded 65.jpg to 6.jpg."""
    for number in range(66):
        live_gallery.upload(SMALL, f"{number}.jpg")
    page = live(open_page(live_gallery.url, expected=("status of 500",)))
    expect(page.locator(".card[data-status=ready]")).to_have_count(60)
    return page


def all_ready(page: Page, number: int) -> Page:
    """The page, once it shows so many pictures."""
    expect(live(page).locator(".card[data-status=ready]")).to_have_count(number)
    return page


def open_unseen(page: Page, name: str) -> None:
    """Open a picture without scrolling to it, which would load more of them."""
    page.get_by_role("button", name=f"Open {name}", exact=True).evaluate("button => button.click()")
    expect(page.get_by_role("dialog").get_by_role("heading")).to_have_text(name)


def test_an_empty_gallery_invites(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = live(open_page(live_gallery.url))
    expect(page.locator("#pictures-empty")).to_be_visible()
    large = page.locator(".drop-zone-face").bounding_box()
    choose(page, "first.jpg", SMALL)
    expect(page.locator("#pictures-empty")).to_be_hidden()
    strip = page.locator(".drop-zone-face").bounding_box()
    assert large is not None
    assert strip is not None
    assert large["height"] > 300
    assert strip["height"] < 150


def test_nothing_sticks_out_on_a_phone(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = live(open_page(live_gallery.url, **PHONE))
    fill(live_gallery, page)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.locator(".card-open").first.click()
    expect(page.locator("#picture-dialog")).to_be_visible()
    assert page.evaluate("document.querySelector('#picture-dialog').scrollWidth") == 390


def test_everything_that_can_be_pressed_is_large_enough_for_a_thumb(
    live_gallery: LiveGallery, open_page: OpenPage
) -> None:
    page = live(open_page(live_gallery.url, **PHONE))
    fill(live_gallery, page)
    targets = page.locator("a:visible, button:visible, input:visible").all()
    sizes = [
        (target.evaluate("element => element.outerHTML.slice(0, 80)"), target.bounding_box()) for target in targets
    ]
    too_small = [name for name, box in sizes if box and (box["width"] < 44 or box["height"] < 44)]
    assert len(sizes) > 8
    assert [name for name in too_small if "skip-link" not in name] == []


def test_a_picture_can_be_uploaded_by_keyboard_alone(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = live(open_page(live_gallery.url))
    choosers: list[FileChooser] = []

    def take(chooser: FileChooser) -> None:
        choosers.append(chooser)

    page.on("filechooser", take)  # from here on: Chromium takes a moment to hand its dialog over
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.locator("#file-input").evaluate("input => input === document.activeElement"):
            page.keyboard.press("Space")
            break
    until(lambda: page.locator("body").is_visible() and choosers)
    (chooser,) = choosers
    assert chooser.is_multiple()
    chooser.set_files({"name": "keys.jpg", "mimeType": "image/jpeg", "buffer": SMALL})
    expect(page.locator(".upload[data-state=ready]")).to_be_visible()
    expect(page.locator("#announcements")).to_contain_text("keys.jpg")


def test_a_picture_opens_large_and_arrows_move_on(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    for number in range(3):
        live_gallery.upload(SMALL, f"{number}.jpg")
    page = all_ready(open_page(live_gallery.url), 3)
    page.get_by_role("button", name="Open 2.jpg").press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text("2.jpg")
    expect(dialog.locator(".picture-original")).to_have_js_property("naturalWidth", 400)
    for name in ("1.jpg", "0.jpg", "0.jpg"):
        page.keyboard.press("ArrowRight")
        expect(dialog.get_by_role("heading")).to_have_text(name)
    page.keyboard.press("ArrowLeft")
    expect(dialog.get_by_role("heading")).to_have_text("1.jpg")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name="Open 1.jpg")).to_be_focused()


def test_a_swipe_moves_to_the_next_picture(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    for number in range(2):
        live_gallery.upload(SMALL, f"{number}.jpg")
    page = all_ready(open_page(live_gallery.url, **PHONE), 2)
    page.get_by_role("button", name="Open 1.jpg").tap()
    touch = {"pointerType": "touch", "isPrimary": True, "bubbles": True}
    stage = page.locator(".picture-stage")
    stage.dispatch_event("pointerdown", {**touch, "clientX": 300})
    stage.dispatch_event("pointerup", {**touch, "clientX": 100})
    expect(page.get_by_role("dialog").get_by_role("heading")).to_have_text("0.jpg")


def test_a_dialog_closes_when_its_picture_is_removed(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    live_gallery.upload(SMALL, f"gone-{live_gallery.slug}.jpg")
    page = live(open_page(live_gallery.url, expected=(REMOVED,)))
    expect(page.locator(".frame-original.is-loaded")).to_be_visible()
    page.locator(".card-open").click()
    expect(page.locator(".picture-original")).to_have_js_property("naturalWidth", 400)
    live_gallery.remove(f"gone-{live_gallery.slug}.jpg")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_arrows_move_on_to_pictures_that_were_not_loaded_yet(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = nearly_all(live_gallery, open_page)
    open_unseen(page, "9.jpg")
    expect(page.locator(".card")).to_have_count(66)
    for number in reversed(range(9)):
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("dialog").get_by_role("heading")).to_have_text(f"{number}.jpg")
    expect(page.locator(".picture-older")).to_have_attribute("aria-disabled", "true")


def test_an_arrow_waits_for_pictures_that_are_on_their_way(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = nearly_all(live_gallery, open_page)
    waiting: list[Route] = []
    page.route(OLDER_PAGE, lambda route: waiting.append(route))  # noqa: PLW0108 (Playwright marks it)
    open_unseen(page, "6.jpg")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".picture-older")).to_have_attribute("aria-disabled", "false")
    until(lambda: page.locator("body").is_visible() and waiting)
    waiting[0].continue_()
    expect(page.get_by_role("dialog").get_by_role("heading")).to_have_text("5.jpg")


def test_an_arrow_asks_again_for_pictures_that_did_not_come(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = nearly_all(live_gallery, open_page)
    until(lambda: all(card["srcset"] for card in live_gallery.cards()))  # or a change would ask, and not the arrow
    asked: list[Route] = []

    def fail_once(route: Route) -> None:
        asked.append(route)
        if len(asked) == 1:
            route.fulfill(status=500)
        else:
            route.continue_()

    page.route(OLDER_PAGE, fail_once)
    open_unseen(page, "6.jpg")
    heading = page.get_by_role("dialog").get_by_role("heading")

    def moves_on() -> bool:
        page.keyboard.press("ArrowRight")
        return heading.text_content() != "6.jpg"

    until(moves_on)
    assert len(asked) == 2


def test_arrows_end_where_what_they_load_would_not_be_kept(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = nearly_all(live_gallery, open_page)

    def lower(route: Route) -> None:
        answer = route.fetch()
        script = answer.text()
        assert "BEHIND_DIALOG = 1_000;" in script
        route.fulfill(response=answer, body=script.replace("BEHIND_DIALOG = 1_000;", "BEHIND_DIALOG = 60;"))

    page.route(re.compile(r"/js/main(\.\w+)?\.js$"), lower)
    page.reload()
    expect(live(page).locator(".card[data-status=ready]")).to_have_count(60)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    open_unseen(page, "6.jpg")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".picture-older")).to_have_attribute("aria-disabled", "true")
    assert not [url for url in asked if OLDER_PAGE.search(url)]


def test_an_arrow_ends_with_the_gallery_as_it_is_now(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    for name in ("older", "newer"):
        live_gallery.upload(SMALL, f"{name}-{live_gallery.slug}.jpg")
    page = live(open_page(live_gallery.url, expected=(REMOVED,)))
    page.get_by_role("button", name="Open older").click()
    newer = page.locator(".picture-newer")
    expect(newer).to_have_attribute("aria-disabled", "false")
    live_gallery.remove(f"newer-{live_gallery.slug}.jpg")
    expect(newer).to_have_attribute("aria-disabled", "true")


def test_the_focus_moves_to_the_neighbour_of_a_card_that_is_removed(
    live_gallery: LiveGallery, open_page: OpenPage
) -> None:
    for name in ("oldest", "older", "focused", "newer"):
        live_gallery.upload(SMALL, f"{name}-{live_gallery.slug}.jpg")
    page = live(open_page(live_gallery.url, expected=(REMOVED,)))
    page.get_by_role("button", name="Open focused").focus()
    for name, following in (("focused", "older"), ("older", "oldest"), ("oldest", "newer")):
        live_gallery.remove(f"{name}-{live_gallery.slug}.jpg")
        expect(page.get_by_role("button", name=f"Open {following}")).to_be_focused()
    live_gallery.remove(f"newer-{live_gallery.slug}.jpg")
    expect(page.locator("#gallery")).to_be_focused()


def test_the_focus_moves_to_the_neighbour_of_an_open_picture_that_is_removed(
    live_gallery: LiveGallery, open_page: OpenPage
) -> None:
    for name in ("oldest", "older", "open", "newer"):
        live_gallery.upload(SMALL, f"{name}-{live_gallery.slug}.jpg")
    page = all_ready(open_page(live_gallery.url, expected=(REMOVED,)), 4)
    page.get_by_role("button", name="Open open").click()
    live_gallery.remove(f"open-{live_gallery.slug}.jpg")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_role("button", name="Open older")).to_be_focused()


def test_an_arrow_says_the_name_of_the_picture(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    for number in range(2):
        live_gallery.upload(SMALL, f"{number}.jpg")
    page = all_ready(open_page(live_gallery.url), 2)
    page.get_by_role("button", name="Open 1.jpg").press("Enter")
    said = page.get_by_role("dialog").get_by_role("status")
    expect(said.and_(page.locator(":not(:empty)"))).to_have_count(0)
    page.keyboard.press("ArrowRight")
    expect(said.and_(page.locator(":not(:empty)"))).to_have_text("0.jpg")


def test_what_is_announced_is_heard_while_a_picture_is_open(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    live_gallery.upload(SMALL)
    page = live(open_page(live_gallery.url))
    page.locator(".card-open").click()
    choose(page, "notes.txt", b"Dear all", "text/plain")
    expect(page.get_by_role("dialog").get_by_role("status").filter(has_text="notes.txt")).to_have_count(1)
    page.keyboard.press("Escape")
    choose(page, "list.txt", b"Eggs", "text/plain")
    expect(page.locator("#announcements")).to_contain_text("list.txt")


@pytest.mark.parametrize(("locale", "word"), [("id-ID", "Tambahkan"), ("en-GB", "Add pictures")])
def test_the_page_speaks_the_language_of_the_browser(
    live_gallery: LiveGallery, open_page: OpenPage, locale: str, word: str
) -> None:
    page = live(open_page(live_gallery.url, locale=locale))
    expect(page.locator(".drop-zone-title")).to_contain_text(word)
    expect(page.locator("html")).to_have_attribute("lang", locale[:2])


def test_the_language_can_be_switched(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    live_gallery.upload(pictures.photo(800, 600))
    page = live(open_page(live_gallery.url))
    expect(page.locator(".card-saving")).to_have_text(re.compile(r"\d\.\d.%.smaller"))
    page.get_by_role("button", name="Bahasa Indonesia").click()
    live(page)
    expect(page.locator("html")).to_have_attribute("lang", "id")
    expect(page.locator(".card-saving")).to_have_text(re.compile(r"\d,\d.%.lebih kecil"))
    assert page.url == live_gallery.url


def test_the_theme_is_kept(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = live(open_page(live_gallery.url, color_scheme="light"))
    for expected in ("light", "dark"):
        page.locator("#theme").click()
        expect(page.locator("html")).to_have_attribute("data-theme", expected)
    page.reload()
    expect(page.locator("body")).to_have_css("background-color", "rgb(18, 17, 16)")
    page.locator("#theme").click()
    expect(page.locator("body")).to_have_css("background-color", "rgb(247, 245, 241)")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["id", "en"])
def test_nothing_on_the_page_is_inaccessible(
    live_gallery: LiveGallery, open_page: OpenPage, theme: str, locale: str
) -> None:
    page = live(open_page(live_gallery.url, color_scheme=theme, locale=locale, reduced_motion="reduce"))
    assert _violations(page) == []
    fill(live_gallery, page)
    assert _violations(page) == []
    page.locator(".card-open").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert _violations(page) == []


def test_without_script_the_page_says_what_it_needs(live_gallery: LiveGallery, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False, locale="en")
    page = context.new_page()
    page.goto(live_gallery.url)
    expect(page.locator(".no-script")).to_contain_text("JavaScript")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Gallery {live_gallery.slug}")
    context.close()


def test_nothing_moves_while_the_gallery_loads(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    for number in range(4):
        live_gallery.upload(pictures.photo(900, 600, seed=number), f"{number}.jpg")
    page = open_page("about:blank")
    page.add_init_script(
        "window.shift = 0; new PerformanceObserver(list => list.getEntries().forEach(e => window.shift += e.value))"
        ".observe({ type: 'layout-shift', buffered: true });"
    )
    page.goto(live_gallery.url)
    live(page)
    expect(page.locator(".frame-original.is-loaded").first).to_be_visible()
    assert page.evaluate("window.shift") < 0.02


def _violations(page: Page) -> list[str]:
    """What axe finds wrong, in a line each."""
    found = Axe().run(page).response["violations"]
    return [f"{violation['id']}: {[node['html'][:120] for node in violation['nodes']]}" for violation in found]
