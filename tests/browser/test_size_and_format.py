"""What the uploader chooses before uploading, and what is said of it."""

import io
import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests import pictures
from tests.browser.answers import choices, fields_sent
from tests.browser.conftest import OpenPage
from tests.browser.gallery_server import LiveGallery
from tests.browser.modules import Modules
from tests.browser.page import choose, live

PHOTO = pictures.photo(2000, 1500)
SMALL = pictures.encoded(pictures.quadrants(), "JPEG")
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 3}


def opened(page: Page) -> Page:
    """The page, with the choice open."""
    live(page).locator(".choice-summary").click()
    expect(page.get_by_role("group", name="Format")).to_be_visible()
    return page


def files(*names: str) -> list[FilePayload]:
    return [{"name": name, "mimeType": "image/jpeg", "buffer": SMALL} for name in names]


def estimate(page: Page) -> float:
    """The estimate of the only row, in kilobytes."""
    state = page.locator(".upload-state")
    expect(state).to_have_text(re.compile(r"^Becomes about [\d.]+.KB$"))
    found = re.search(r"[\d.]+", state.inner_text())
    assert found
    return float(found[0])


def test_nothing_is_sent_along_when_nothing_was_chosen(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = live(open_page(live_gallery.url))
    sent = fields_sent(page)
    expect(page.locator(".choice-now")).to_have_text("150\u00a0px, JPEG")
    choose(page, "at once.jpg", SMALL)
    expect(page.locator(".upload[data-state=ready]")).to_be_visible()
    assert choices(sent) == [{}]


def test_files_wait_while_somebody_chooses_and_one_button_sends_them(
    live_gallery: LiveGallery, open_page: OpenPage
) -> None:
    page = opened(open_page(live_gallery.url))
    sent = fields_sent(page)
    page.set_input_files("#file-input", files("a.jpg", "b.jpg", "c.jpg"))
    rows = page.locator(".upload[data-state=chosen]")
    expect(rows).to_have_count(3)
    expect(rows.first.locator("canvas")).to_be_visible()
    page.get_by_role("button", name="Dismiss: b.jpg").click()
    page.get_by_role("radio", name="Web 1280").check()
    page.get_by_role("radio", name="WebP").check()
    page.get_by_role("slider", name="Quality").fill("55")
    assert sent == []
    page.get_by_role("button", name="Upload 2 pictures").click()
    expect(page.locator(".upload[data-state=ready]")).to_have_count(2)
    expect(page.locator("#choice-send")).to_be_hidden()
    assert choices(sent) == [{"width": "1280", "format": "webp", "quality": "55"}] * 2


def test_who_leaves_the_page_while_files_wait_is_asked_first(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = opened(open_page(live_gallery.url))
    page.set_input_files("#file-input", files("a.jpg"))
    expect(page.locator(".upload[data-state=chosen]")).to_be_visible()
    with page.expect_event("dialog") as asked:
        page.close(run_before_unload=True)
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()
    page.get_by_role("button", name="Upload").click()
    expect(page.locator(".upload[data-state=ready]")).to_be_visible()
    with page.expect_event("close"):
        page.close(run_before_unload=True)


def test_files_that_come_while_others_wait_wait_too(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = opened(open_page(live_gallery.url))
    page.set_input_files("#file-input", files("a.jpg"))
    page.locator(".choice-summary").click()
    page.set_input_files("#file-input", files("b.jpg"))
    page.get_by_role("button", name="Upload 2 pictures").click()
    expect(page.locator(".upload[data-state=ready]")).to_have_count(2)
    page.set_input_files("#file-input", files("c.jpg"))
    expect(page.locator(".upload[data-state=ready]")).to_have_count(3)


def test_the_choice_is_remembered_and_named_where_it_is_closed(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = opened(open_page(live_gallery.url))
    page.get_by_role("radio", name="Screen 1920").check()
    page.get_by_role("radio", name="AVIF").check()
    page.get_by_role("spinbutton", name="Quality, 1 to 100").fill("40")
    page.reload()
    sent = fields_sent(live(page))
    expect(page.locator("#choice")).not_to_have_attribute("open", "")
    expect(page.locator(".choice-now")).to_have_text("1920\u00a0px, AVIF, quality 40")
    expect(page.locator("[name=preset][value='1920']")).to_be_checked()
    choose(page, "at once.jpg", SMALL)
    expect(page.locator(".upload[data-state=ready]")).to_be_visible()
    assert choices(sent) == [{"width": "1920", "format": "avif", "quality": "40"}]


@pytest.mark.parametrize("stored", ["nonsense", "[]", '{"width": 9, "format": "tiff", "quality": "70"}', "null"])
def test_an_impossible_memory_counts_as_none(live_gallery: LiveGallery, open_page: OpenPage, stored: str) -> None:
    page = open_page(live_gallery.url)
    page.evaluate("stored => localStorage.setItem('upload-options', stored)", stored)
    page.reload()
    expect(live(page).locator(".choice-now")).to_have_text("150\u00a0px, JPEG")


def test_an_own_width_is_taken_as_far_as_it_is_possible(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = opened(open_page(live_gallery.url))
    own = page.get_by_role("spinbutton", name="Own width")
    expect(own).to_be_hidden()
    page.get_by_role("radio", name="Own width").check()
    own.fill("800")
    own.fill("9")
    expect(page.locator(".choice-now")).to_have_text("800\u00a0px, JPEG")
    own.blur()
    expect(own).to_have_value("800")
    page.reload()
    opened(page)
    expect(page.get_by_role("radio", name="Own width")).to_be_checked()
    expect(own).to_have_value("800")


def test_the_estimate_follows_the_options(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = opened(open_page(live_gallery.url))
    choose(page, "field.jpg", PHOTO)
    small = estimate(page)
    page.get_by_role("radio", name="Web 1280").check()
    expect(page.locator(".upload-state")).not_to_contain_text(f"{small:g}")
    large = estimate(page)
    assert large > 10 * small
    page.get_by_role("slider", name="Quality").fill("10")
    expect(page.locator(".upload-state")).not_to_contain_text(f"{large:g}")
    assert estimate(page) < large


def test_what_the_browser_can_not_decode_waits_without_an_estimate(
    live_gallery: LiveGallery, open_page: OpenPage
) -> None:
    page = opened(open_page(live_gallery.url))
    files: list[FilePayload] = [
        {"name": "phone.heic", "mimeType": "image/heic", "buffer": b"\0\0\0\x18ftypheic" + bytes(16)},
        {"name": "field.jpg", "mimeType": "image/jpeg", "buffer": PHOTO},
    ]
    page.set_input_files("#file-input", files)
    expect(page.locator(".upload-state").nth(1)).to_contain_text("about")
    expect(page.locator(".upload-state").nth(0)).to_have_text("Ready to upload")


def test_an_estimate_that_never_ends_delays_no_upload(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = opened(open_page(live_gallery.url))
    page.evaluate("() => { window.createImageBitmap = () => new Promise(() => {}); }")
    choose(page, "field.jpg", PHOTO)
    page.get_by_role("button", name="Upload 1 picture").click()
    expect(page.locator(".upload[data-state=ready]")).to_be_visible()


def test_everything_can_be_chosen_by_keyboard(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = live(open_page(live_gallery.url))
    page.locator("#file-input").focus()
    for key in ("Tab", "Enter", "Tab", "ArrowRight", "Tab", "ArrowRight", "ArrowRight", "Tab", "End", "ArrowLeft"):
        page.keyboard.press(key)
    expect(page.locator(".choice-now")).to_have_text("1280\u00a0px, WebP, quality 99")
    page.set_input_files("#file-input", files("keys.jpg"))
    page.get_by_role("button", name="Upload 1 picture").press("Enter")
    expect(page.locator("#file-input")).to_be_focused()
    expect(page.locator(".upload[data-state=ready]")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_open_choice_is_accessible(live_gallery: LiveGallery, open_page: OpenPage, theme: Any) -> None:
    page = opened(open_page(live_gallery.url, color_scheme=theme, reduced_motion="reduce"))
    page.get_by_role("radio", name="Own width").check()
    page.set_input_files("#file-input", files("a.jpg"))
    expect(page.locator(".upload-state")).to_contain_text("about")
    assert Axe().run(page).response["violations"] == []


def test_the_open_choice_fits_a_phone_and_a_thumb(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = opened(open_page(live_gallery.url, **PHONE))
    page.get_by_role("radio", name="Own width").check()
    page.set_input_files("#file-input", files("a.jpg"))
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    targets = page.locator(".drop-zone :is(button, input, summary):visible").all()
    boxes = [box for target in targets if (box := target.bounding_box())]
    assert len(boxes) >= 13
    assert all(box["width"] >= 44 and box["height"] >= 44 for box in boxes)


@pytest.mark.parametrize(("image_format", "width", "quality"), [(None, 150, 70), ("jpeg", 1280, 40), ("webp", 640, 80)])
def test_the_estimate_is_about_right(browser: Browser, image_format: str | None, width: int, quality: int) -> None:
    photo = pictures.photo(1600, 1200)
    estimated = estimates(browser, photo, {"width": width, "format": image_format, "quality": quality})
    image = Image.open(io.BytesIO(photo)).resize((width, width * 3 // 4), Image.Resampling.LANCZOS)
    made = len(pictures.encoded(image, (image_format or "jpeg").upper(), quality=quality))
    assert 0.5 < estimated / made < 2


def test_an_avif_is_estimated_from_a_webp(browser: Browser) -> None:
    photo = pictures.photo(1600, 1200)
    for quality, factor in ((50, 0.8), (70, 1.2)):
        avif, webp = (
            estimates(browser, photo, {"width": 640, "format": name, "quality": quality}) for name in ("avif", "webp")
        )
        assert avif == pytest.approx(webp * factor)


def test_a_picture_is_never_enlarged_nor_made_larger_than_its_original(browser: Browser) -> None:
    options = {"format": "jpeg", "quality": 70}
    assert estimates(browser, SMALL, {**options, "width": 4000}) == estimates(browser, SMALL, {**options, "width": 400})
    assert estimates(browser, SMALL, {"format": "jpeg", "quality": 100, "width": 400}) == len(SMALL)


def estimates(browser: Browser, content: bytes, options: dict[str, Any]) -> float:
    """The estimated bytes of the result."""
    modules = Modules(browser)
    script = """({ estimatedSize }, [bytes, options]) => {
      const file = new File([new Uint8Array(bytes)], "a.jpg", { type: "image/jpeg" });
      return estimatedSize(file, options);
    }"""
    size: float = modules.run("js/size-estimates.js", script, [list(content), options])
    modules.close()
    return size
