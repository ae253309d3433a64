"""What a finished picture shows besides itself: notes, a placeholder, renditions, the traces of an edit."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests import pictures
from tests.browser.answers import answer_upload, change_cards, serve_renditions, srcset
from tests.browser.conftest import OpenPage
from tests.browser.gallery_server import LiveGallery
from tests.browser.page import choose, live
from tests.stack.fleet import until

PHOTO = pictures.photo(1500, 1000)
ALL_NOTES = ["already_optimal", "first_frame", "original_reencoded", "not known here"]
WORDS = "Already optimal · First frame only · Original shown as JPEG"
SENTENCES = (
    "Already optimal: a new version would not have been smaller. The small version shows the first frame only."
    " The original is shown as a JPEG of the same size in pixels."
)
THUMB_HASH = "1QcSHQRnh493V4dIh4eXh1h4kJUI"  # of a picture at dusk, three times as high as this is long
EDIT = {"crop": {"x": 0, "y": 0, "width": 500, "height": 1000}, "flip": False, "rotation": 0}
EDITED = {"edit": EDIT, "compressed_width": 150, "compressed_height": 300}
UNKNOWN = "application/octet-stream"
LAPTOP = {"width": 1280, "height": 800}


def uploaded(gallery: LiveGallery, page: Page) -> dict[str, Any]:
    """The card of a picture that is finished, on no open page but this one."""
    card = finished(gallery)
    expect(page.locator(".card[data-status=ready]")).to_have_count(1)
    return card


def finished(gallery: LiveGallery) -> dict[str, Any]:
    """The card of the only picture, once nothing of it is owed: a later change would undo what tests put in."""
    gallery.upload(PHOTO, "field.jpg")
    until(lambda: gallery.cards()[0]["srcset"])
    return gallery.cards()[0]


def changed(gallery: LiveGallery, open_page: OpenPage, **fields: Any) -> tuple[Page, list[int]]:
    """A page whose only picture has these fields, and the widths of the renditions that it asks for."""
    finished(gallery)
    page = open_page("about:blank", viewport=LAPTOP, device_scale_factor=3 if "edit" in fields else 1)
    asked = serve_renditions(page, 0.5 if "edit" in fields else 1.5)
    change_cards(page, lambda card: {**card, **fields})
    page.goto(gallery.url)
    return live(page), asked


def test_notes_stand_in_the_row_the_comparison_and_the_dialog(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = live(open_page(live_gallery.url))
    card = uploaded(live_gallery, page)
    answer_upload(page, {**card, "seq": card["seq"] + 1, "notes": ALL_NOTES})
    choose(page, "field.jpg", PHOTO)
    row = page.locator(".upload[data-state=ready]")
    expect(row.locator(".upload-state")).to_have_text(re.compile(rf"smaller · {WORDS}$"))
    expect(row.locator("[data-side=result] .comparison-note")).to_contain_text("first frame only")
    expect(row.locator("[data-side=original] .comparison-note")).to_contain_text("shown as a JPEG")
    expect(page.locator(".card-notes")).to_have_text(WORDS)
    expect(page.locator(".card-notes")).to_have_attribute("title", SENTENCES)
    page.locator(".card-open").click()
    expect(page.locator(".picture-notes")).to_have_text(SENTENCES)


def test_the_comparison_names_types_and_sizes(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = live(open_page(live_gallery.url))
    card = uploaded(live_gallery, page)
    answer_upload(page, {**card, "compressed_type": "image/webp", "compressed_width": 1280, "compressed_height": 853})
    choose(page, "field.jpg", PHOTO)
    row = page.locator(".upload[data-state=ready]")
    expect(row.locator("[data-side=original] .comparison-dimensions")).to_have_text("JPEG, 1500\u00a0×\u00a01000")
    expect(row.locator("[data-side=result] .comparison-dimensions")).to_have_text("WebP, 1280\u00a0×\u00a0853")


def test_a_duplicate_says_so_and_shows_the_picture_that_was_there(
    live_gallery: LiveGallery, open_page: OpenPage
) -> None:
    page = live(open_page(live_gallery.url))
    answer_upload(page, uploaded(live_gallery, page), duplicate=True)
    choose(page, "again.jpg", PHOTO)
    row = page.locator(".upload[data-state=ready]")
    expect(row.locator(".upload-state")).to_have_text("You had already added this picture.")
    expect(row.locator("[data-side=result] img")).to_have_js_property("naturalWidth", 150)
    expect(page.locator("#announcements")).to_have_text("again.jpg: You had already added this picture.")
    expect(page.locator(".card")).to_have_count(1)


def test_a_duplicate_of_a_picture_that_is_not_on_the_page_is_ready_at_once(
    live_gallery: LiveGallery, open_page: OpenPage
) -> None:
    page = live(open_page(live_gallery.url))
    card = uploaded(live_gallery, page)
    page.route("**/images?limit=1&**", lambda route: route.abort())  # no other way to hear of it
    answer_upload(page, {**card, "id": "6f1c4b0e-0000-4000-8000-000000000000", "position": 0}, duplicate=True)
    choose(page, "again.jpg", PHOTO)
    expect(page.locator(".upload[data-state=ready]")).to_be_visible()


def test_a_duplicate_of_a_waiting_picture_becomes_ready_with_it(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = live(open_page(live_gallery.url))
    card = uploaded(live_gallery, page)
    waiting = {"status": "queued", "seq": card["seq"] - 1, "compressed_url": None, "original_url": None}
    answer_upload(page, {**card, **waiting}, duplicate=True)
    choose(page, "again.jpg", PHOTO)
    expect(page.locator(".upload[data-state=ready] .upload-state")).to_have_text("You had already added this picture.")


def test_a_placeholder_shows_until_the_picture_has_come(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page, _ = changed(live_gallery, open_page, placeholder=THUMB_HASH)
    page.route("**/image/**", lambda _: None)
    page.reload()
    live(page)
    backdrop = page.locator(".frame-backdrop")
    expect(backdrop).to_have_css("background-image", re.compile(r'^url\("data:image/png'))
    expect(backdrop).to_have_css("visibility", "visible")
    page.locator(".card-open").click()
    expect(page.locator(".picture-original")).to_have_css("background-image", re.compile(r', url\("data:image/png'))
    page.unroute("**/image/**")
    page.reload()
    expect(backdrop).to_have_css("visibility", "hidden")


def test_a_placeholder_that_is_none_does_no_harm(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page, _ = changed(live_gallery, open_page, placeholder="%%%")
    expect(page.locator(".frame-original.is-loaded")).to_be_visible()


def test_a_card_loads_the_rendition_that_fits_it(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page, asked = changed(live_gallery, open_page, srcset=srcset(320, 640, 1280, 1500))
    picture = page.locator(".frame-original.is-loaded")
    expect(picture).to_be_visible()
    width = picture.evaluate("image => image.clientWidth")
    assert 640 < width < 1280
    assert asked == [1280]
    page.set_viewport_size({"width": 340, "height": 800})
    expect(picture).to_have_js_property("clientWidth", 308)
    assert picture.evaluate("image => new URL(image.currentSrc).pathname") == "/image/rendition-1-1280/"
    assert asked == [1280]


def test_a_second_change_loads_no_picture_again(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = live(open_page(live_gallery.url))
    card = uploaded(live_gallery, page)
    picture = page.locator(".frame-original.is-loaded")
    expect(picture).to_be_visible()
    before = picture.get_attribute("src")
    asked = serve_renditions(page)
    later = {"seq": card["seq"] + 1, "srcset": srcset(320, 640, 1280, 1500), "original_name": "later.jpg"}
    answer_upload(page, {**card, **later})
    choose(page, "again.jpg", PHOTO)
    expect(page.locator(".card .name")).to_have_text("later.jpg")
    expect(picture).to_have_attribute("src", before or "")
    assert asked == []


def test_the_window_shows_a_picture_as_sharp_as_it_needs(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page, asked = changed(live_gallery, open_page, srcset=srcset(320, 640, 1280))
    expect(page.locator(".frame-original.is-loaded")).to_be_visible()
    page.locator(".card-open").click()
    expect(page.locator(".picture-original.is-loaded")).to_be_visible()
    assert asked == [1280]
    box, stage = (page.locator(name).bounding_box() for name in (".picture-original", ".picture-stage"))
    assert box
    assert stage
    assert box["height"] == pytest.approx(stage["height"])
    assert box["width"] / box["height"] == pytest.approx(1.5, rel=0.01)


def test_an_edited_picture_is_shown_as_it_was_edited(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page, asked = changed(live_gallery, open_page, srcset=srcset(320, 500), **EDITED)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.reload()
    expect(page.locator(".frame-original.is-loaded")).to_be_visible()
    assert set(asked) <= {320, 500}
    ratio = page.locator(".card").evaluate("card => getComputedStyle(card).getPropertyValue('--ratio')")
    assert float(ratio) == pytest.approx(0.75)  # as narrow as a card gets
    page.locator(".card-open").click()
    link = page.get_by_role("link", name="Open the unedited original")
    original = link.get_attribute("href") or "none"
    expect(page.locator(".picture-original.is-loaded")).to_be_visible()
    box = page.locator(".picture-original").bounding_box()
    assert box
    assert box["width"] / box["height"] == pytest.approx(0.5, rel=0.01)
    assert not any(url.endswith(original) for url in requests)


def test_an_unedited_picture_offers_no_other_original(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page, _ = changed(live_gallery, open_page, srcset=srcset(320, 640))
    page.locator(".card-open").click()
    expect(page.locator(".picture-original.is-loaded")).to_be_visible()
    expect(page.locator(".picture-unedited")).to_be_hidden()


def test_an_edit_replaces_the_picture_everywhere(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = live(open_page(live_gallery.url, viewport=LAPTOP))
    card = uploaded(live_gallery, page)
    expect(page.locator(".frame-original.is-loaded")).to_be_visible()
    asked = serve_renditions(page, 0.5)
    edited = {"seq": card["seq"] + 1, "revision": 2, "srcset": srcset(320, 500, revision=2), **EDITED}
    answer_upload(page, {**card, **edited})
    choose(page, "again.jpg", PHOTO)
    path = "image => new URL(image.currentSrc).pathname"
    expect(page.locator(".frame-original.is-loaded")).to_have_attribute("srcset", re.compile("rendition-2-500"))
    assert page.locator(".frame-original").evaluate(path).startswith("/image/rendition-2-")
    page.locator(".card-open").click()
    expect(page.locator(".picture-original.is-loaded")).to_be_visible()
    assert page.locator(".picture-original").evaluate(path) == "/image/rendition-2-500/"
    assert set(asked) <= {320, 500}


def test_a_result_that_is_not_small_covers_no_corner(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page, _ = changed(live_gallery, open_page, compressed_width=1280, compressed_height=853)
    expect(page.locator(".frame-original.is-loaded")).to_be_visible()
    expect(page.locator(".frame-small")).to_be_hidden()


@pytest.mark.parametrize(
    ("name", "mime_type"),
    [
        ("a.heic", "image/heic"),
        ("a.HIF", UNKNOWN),
        ("a.avif", "image/avif"),
        ("a.apng", "image/apng"),
        ("a.mpo", UNKNOWN),
    ],
)
def test_what_cameras_and_phones_make_is_sent(
    live_gallery: LiveGallery, open_page: OpenPage, name: str, mime_type: str
) -> None:
    page = live(open_page(live_gallery.url))
    answer_upload(page, uploaded(live_gallery, page))
    choose(page, name, PHOTO, mime_type)
    expect(page.locator(".upload[data-state=ready]")).to_be_visible()
