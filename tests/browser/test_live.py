"""What one does, everyone sees, without a reload."""

import re

from playwright.sync_api import Page, Route, expect

from tests import pictures
from tests.browser.conftest import OpenPage
from tests.browser.gallery_server import GalleryServer, LiveGallery
from tests.browser.page import GONE, REMOVED, choose, live
from tests.stack.fleet import until

SMALL = pictures.encoded(pictures.quadrants(), "JPEG")


def test_an_upload_appears_in_every_browser_and_on_the_wall(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    first, second = live(open_page(live_gallery.url)), live(open_page(live_gallery.url))
    wall = open_page(live_gallery.wall_url)
    expect(wall.locator("#wall")).not_to_have_attribute("data-state", "loading")
    choose(first, "holiday.jpg", pictures.photo(800, 600))
    for page in (first, second):
        expect(page.locator("#cards [data-image-id][data-status=ready]")).to_have_count(1)
    image_id = second.locator("#cards [data-image-id]").get_attribute("data-image-id")
    expect(wall.locator(f'[data-image-id="{image_id}"]').first).to_be_visible()
    expect(second.locator(".card .name")).to_have_text("holiday.jpg")


def test_a_card_shows_original_and_small_version_with_their_sizes(
    live_gallery: LiveGallery, open_page: OpenPage
) -> None:
    live_gallery.upload(pictures.photo(1200, 900), "field.jpg")
    page = live(open_page(live_gallery.url))
    card = page.locator(".card[data-status=ready]")
    expect(card.locator(".card-saving")).to_have_text(re.compile(r"^\d+\.\d.%.smaller$"))
    expect(card.locator(".card-sizes")).to_have_text(re.compile(r"^\d+\.\d.KB → \d+\.\d.KB$"))
    original, small = card.locator("img.frame-original"), card.locator("img.frame-small")
    expect(original).to_have_class(re.compile("is-loaded"))
    expect(small).to_have_js_property("naturalWidth", 150)
    assert small.bounding_box()["width"] == 150  # type: ignore[index]


def test_a_removed_picture_leaves_every_open_page(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = live(open_page(live_gallery.url, expected=(REMOVED,)))
    card = live_gallery.upload(SMALL, "regret.jpg")
    shown = page.locator(f'[data-image-id="{card["id"]}"]')
    expect(shown.locator(".frame-original.is-loaded")).to_be_visible()
    live_gallery.remove("regret.jpg")
    expect(shown).to_have_count(0)
    expect(page.locator("#pictures-empty")).to_be_visible()


def test_what_was_lost_on_the_server_is_made_again_or_leaves_every_open_page(
    live_gallery: LiveGallery, open_page: OpenPage
) -> None:
    page = live(open_page(live_gallery.url))
    media = live_gallery.server.data_dir / "media"
    image_id = live_gallery.upload(pictures.photo(800, 600), "lost.jpg")["id"]
    until(lambda: live_gallery.cards()[0]["srcset"])  # nothing is at work on it
    shown = page.locator(f'[data-image-id="{image_id}"]')
    original = shown.locator("img.frame-original")
    expect(shown.locator(".frame-original.is-loaded")).to_be_visible()
    before = original.get_attribute("src") or ""
    next((media / "compressed").glob(f"{image_id}*")).unlink()
    assert live_gallery.server.manage("audit", "--fix").returncode == 0
    expect(original).not_to_have_attribute("src", before)
    for name in (".frame-original.is-loaded", ".frame-small.is-loaded"):
        expect(shown.locator(name)).to_be_visible()

    (media / "originals" / f"{image_id}.jpg").unlink()
    assert live_gallery.server.manage("audit", "--fix").returncode == 0
    expect(shown).to_have_count(0)  # its uploader is told


def test_a_failed_picture_is_shown_to_its_uploader_alone(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    uploader, other = live(open_page(live_gallery.url)), live(open_page(live_gallery.url))
    whole = pictures.photo(800, 600)
    choose(uploader, "half.jpg", whole[: len(whole) // 2])
    expect(uploader.locator(".card[data-status=failed] .frame-note")).to_contain_text("damaged")
    expect(uploader.locator(".upload[data-state=failed] .upload-state")).to_contain_text("damaged")
    live_gallery.upload(SMALL, "whole.jpg")
    expect(other.locator(".card[data-status=ready]")).to_have_count(1)
    expect(other.locator(".card")).to_have_count(1)


def test_a_browser_catches_up_after_the_server_was_restarted(
    gallery_server: GalleryServer, live_gallery: LiveGallery, open_page: OpenPage
) -> None:
    page = live(open_page(live_gallery.url, expected=GONE))
    gallery_server.stop()
    expect(page.locator("#connection")).to_have_attribute("data-state", "reconnecting")
    gallery_server.start()
    card = live_gallery.upload(SMALL, "missed.jpg")
    expect(page.locator(f'[data-image-id="{card["id"]}"][data-status=ready]')).to_be_visible(timeout=30_000)
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")


def test_a_picture_whose_address_has_run_out_gets_a_new_one(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    card = live_gallery.upload(pictures.photo(1200, 200))
    page = open_page("about:blank", expected=("status of 410",))
    answers = iter([410, 410, 410])

    def run_out_once(route: Route) -> None:
        status = next(answers, None)
        if status:
            route.fulfill(status=status)
        else:
            route.continue_()

    page.route("**/image/**", run_out_once)
    page.goto(live_gallery.url)
    shown = page.locator(f'[data-image-id="{card["id"]}"]')
    for image in ("original", "small"):
        expect(shown.locator(f".frame-{image}.is-loaded")).to_have_count(1)
    assert next(answers, None) is None


def test_new_pictures_wait_while_somebody_looks_further_down(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    for number in range(12):
        live_gallery.upload(SMALL, f"{number}.jpg")
    page = live(open_page(live_gallery.url))
    expect(page.locator(".card[data-status=ready]")).to_have_count(12)
    page.locator(".card").nth(8).evaluate("card => card.scrollIntoView()")
    before = _place(page, 8)
    live_gallery.upload(SMALL, "new.jpg")
    pill = page.locator("#pill")
    expect(pill).to_have_text("1 new")
    assert _place(page, 8) == before
    pill.click()
    expect(page.locator(".card").first.locator(".name")).to_have_text("new.jpg")
    expect(page.locator(".card").first).to_be_in_viewport()
    expect(pill).to_be_hidden()


def test_older_pictures_are_loaded_on_the_way_down(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    for number in range(70):
        live_gallery.upload(SMALL, f"{number}.jpg")
    page = live(open_page(live_gallery.url))
    expect(page.locator(".card").first.locator(".name")).to_have_text("69.jpg")
    expect(page.locator(".card")).to_have_count(60)
    page.locator(".card").last.scroll_into_view_if_needed()
    expect(page.locator(".card")).to_have_count(70)
    names = page.locator(".card .name").all_text_contents()
    assert names == [f"{number}.jpg" for number in reversed(range(70))]


def test_the_number_of_people_watching_is_shown(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    first = live(open_page(live_gallery.url))
    expect(first.locator("#viewers")).to_contain_text("1 person watching")
    live(open_page(live_gallery.url))
    expect(first.locator("#viewers")).to_contain_text("2 people watching")


def _place(page: Page, number: int) -> tuple[str | None, float]:
    """Which card is at this place of the list, and how far from the top of the window."""
    card = page.locator(".card").nth(number)
    return card.get_attribute("data-image-id"), card.bounding_box()["y"]  # type: ignore[index]
