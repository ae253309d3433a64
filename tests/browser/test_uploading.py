"""One file on its way: what its row says, what it becomes, what can go wrong."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import APIResponse, CDPSession, FilePayload, Page, Route, expect

from tests import pictures
from tests.browser.conftest import OpenPage
from tests.browser.gallery_server import GalleryServer, LiveGallery
from tests.browser.page import DEAFNESS, REMOVED, choose, live

PHOTO = pictures.photo(1000, 750)
SMALL = pictures.encoded(pictures.quadrants(), "JPEG")
RESTORE = """
from imgs.models import Gallery, new_epoch
gallery = Gallery.objects.get(slug={slug!r})
gallery.images.filter(original_name="lost.jpg").delete()
Gallery.objects.filter(pk=gallery.pk).update(epoch=new_epoch(), head=gallery.images.get().seq)
"""
RECORD_STATES = """list => {
  window.states = [];
  new MutationObserver(() => {
    for (const row of list.children) {
      const bar = row.querySelector("[role=progressbar]");
      const fill = getComputedStyle(bar).getPropertyValue("--fill");
      const seen = [row.dataset.state, Number(bar.getAttribute("aria-valuenow")), fill];
      if (String(seen) !== String(window.states.at(-1))) window.states.push(seen);
    }
  }).observe(list, { subtree: true, childList: true, attributes: true });
}"""


def test_a_finished_upload_opens_into_the_comparison(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = live(open_page(live_gallery.url))
    choose(page, "field.jpg", PHOTO)
    row = page.locator(".upload[data-state=ready]")
    left, right = row.locator("[data-side=original]"), row.locator("[data-side=result]")
    expect(left.locator("img")).to_have_js_property("naturalWidth", 1000)
    expect(right.locator("img")).to_have_js_property("naturalWidth", 150)
    expect(left.locator(".comparison-size")).to_have_text(_kilobytes(len(PHOTO)))
    (card,) = live_gallery.cards()
    expect(right.locator(".comparison-size")).to_have_text(_kilobytes(card["compressed_size"]))
    expect(row.locator(".comparison-saving strong")).to_have_text(re.compile(r"^9\d\.\d.%$"))
    first, second = left.locator(".comparison-frame").bounding_box(), right.locator(".comparison-frame").bounding_box()
    assert first is not None
    assert second is not None
    assert first["height"] == second["height"]
    assert first["x"] < second["x"]


def test_the_saving_is_the_largest_figure_on_the_page(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = live(open_page(live_gallery.url))
    choose(page, "field.jpg", PHOTO)
    expect(page.locator(".comparison-saving strong")).to_be_visible()
    sizes = "elements => elements.filter(e => e.checkVisibility()).map(e => parseFloat(getComputedStyle(e).fontSize))"
    largest = max(page.locator("body *:not(.comparison-saving strong)").evaluate_all(sizes))
    assert page.locator(".comparison-saving strong").evaluate_all(sizes)[0] > largest


def test_the_bar_goes_from_green_over_indigo_to_turmeric(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = open_page("about:blank")
    page.add_init_script(DEAFNESS)
    page.goto(live_gallery.url)
    live(page).locator("#uploads-list").evaluate(RECORD_STATES)
    page.evaluate("window.isDeaf = true")  # to all news of it, until its answer has come
    with _slow_network(page, bytes_a_second=150_000) as _:
        choose(page, "field.jpg", PHOTO)
        expect(page.locator(".upload[data-state=processing]")).to_be_visible()
        page.evaluate("hear()")
        expect(page.locator(".upload[data-state=ready]")).to_be_visible()
    seen: list[list[Any]] = page.evaluate("window.states")
    assert list(dict.fromkeys(state for state, _, _ in seen)) == [
        "waiting",
        "uploading",
        "complete",
        "processing",
        "ready",
    ] or list(dict.fromkeys(state for state, _, _ in seen)) == ["uploading", "complete", "processing", "ready"]
    fills = {state: fill for state, _, fill in seen}
    assert len({fills["uploading"], fills["complete"], fills["processing"]}) == 3
    sent = [progress for state, progress, _ in seen if state == "uploading"]
    assert sent == sorted(sent)
    assert any(0 < progress < 100 for progress in sent)


def test_a_preview_is_drawn_while_the_file_is_still_on_its_way(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = live(open_page(live_gallery.url))
    with _slow_network(page, bytes_a_second=20_000) as _:
        choose(page, "red.png", pictures.plain_png(60, 60, b"\xdc\x1e\x1e\xff") + bytes(60_000), "image/png")
        canvas = page.locator(".upload[data-state=uploading] canvas")
        expect(canvas).to_be_visible()
        assert canvas.evaluate("canvas => [...canvas.getContext('2d').getImageData(56, 56, 1, 1).data]") == [
            220,
            30,
            30,
            255,
        ]


@pytest.mark.parametrize(
    ("name", "content", "mime_type", "reason"),
    [
        ("notes.txt", b"Dear all", "text/plain", "not a picture"),
        ("drawing.svg", pictures.OTHER_TYPES["svg"], "image/svg+xml", "not a picture"),
        ("picture.exe", SMALL, "application/octet-stream", "not a picture"),
        ("empty.jpg", b"", "image/jpeg", "empty"),
        ("large.jpg", SMALL + bytes(5 * 1024 * 1024), "image/jpeg", "larger than 5"),
    ],
)
def test_what_can_not_be_taken_is_not_even_sent(
    live_gallery: LiveGallery, open_page: OpenPage, name: str, content: bytes, mime_type: str, reason: str
) -> None:
    page = live(open_page(live_gallery.url))
    requests: list[str] = []
    page.on("request", lambda request: requests.append(f"{request.method} {request.url}"))
    choose(page, name, content, mime_type)
    expect(page.locator(".upload[data-state=failed] .upload-state")).to_contain_text(reason)
    assert not any("/upload/" in request for request in requests)


@pytest.mark.parametrize(
    ("name", "content", "status", "reason"),
    [
        ("text.jpg", b"This is no picture at all.", 415, "not a picture"),
        ("giga.gif", pictures.gigapixel_gif(), 422, "50 megapixels"),
    ],
)
def test_what_the_server_refuses_says_why(
    live_gallery: LiveGallery, open_page: OpenPage, name: str, content: bytes, status: int, reason: str
) -> None:
    page = live(open_page(live_gallery.url, expected=(f"status of {status}",)))
    choose(page, name, content)
    row = page.locator(".upload[data-state=failed]")
    expect(row.locator(".upload-state")).to_contain_text(reason)
    row.locator(".upload-dismiss").click()
    expect(page.locator("#uploads")).to_be_hidden()


def test_a_name_is_shown_without_what_is_no_text_in_it(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = live(open_page(live_gallery.url))
    choose(page, "\u200eGuest\x85 \u00a0\u202egpj.\u2066my\u00addog\u2028\ue000.jpg", SMALL)
    row = page.locator(".upload[data-state=ready]")
    expect(row).to_be_visible()
    (card,) = live_gallery.cards()
    assert card["original_name"] == "Guest gpj.mydog.jpg"
    assert row.locator(".name").text_content() == card["original_name"]
    labels = row.locator("[aria-label*=Guest]").evaluate_all("elements => elements.map(e => e.ariaLabel)")
    assert len(labels) == 5
    assert all(label.endswith(card["original_name"]) for label in labels)
    expect(page.locator("#announcements")).to_contain_text(f"{card['original_name']}: ")


def test_three_files_are_sent_at_once(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = live(open_page(live_gallery.url))
    network = _slow_network(page, bytes_a_second=30_000)
    with network as _:
        page.set_input_files("#file-input", _files(5))
        expect(page.locator(".upload[data-state=uploading]")).to_have_count(3)
        expect(page.locator(".upload[data-state=waiting]")).to_have_count(2)
    expect(page.locator(".upload[data-state=ready]")).to_have_count(5)
    expect(page.locator("#uploads-count")).to_have_text("5 of 5 done")
    expect(page.locator(".comparison")).to_have_count(3)


def test_an_upload_can_be_cancelled_and_taken_up_again(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = live(open_page(live_gallery.url))
    with _slow_network(page, bytes_a_second=20_000) as _:
        choose(page, "field.jpg", PHOTO)
        page.get_by_role("button", name="Cancel: field.jpg").click()
        expect(page.locator(".upload")).to_have_attribute("data-state", "cancelled")
    expect(page.get_by_role("button", name="Try again: field.jpg")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".upload")).to_have_attribute("data-state", "ready")
    assert len(live_gallery.cards()) == 1


def test_the_focus_stays_in_a_row_that_can_not_be_cancelled_any_more(
    live_gallery: LiveGallery, open_page: OpenPage
) -> None:
    page = live(open_page(live_gallery.url))
    with _slow_network(page, bytes_a_second=20_000) as _:
        choose(page, "field.jpg", PHOTO)
        page.get_by_role("button", name="Cancel: field.jpg").focus()
    expect(page.locator(".upload")).to_have_attribute("data-state", "ready")
    expect(page.locator(".upload")).to_be_focused()


def test_a_long_list_goes_on_showing_the_row_that_somebody_uses(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = live(open_page(live_gallery.url))
    with _slow_network(page, bytes_a_second=5_000) as _:
        page.set_input_files("#file-input", _files(12))
        expect(page.locator(".upload[data-state=waiting]").last).to_be_hidden()
        page.get_by_role("button", name="Cancel: 0.jpg").press("Enter")
        expect(page.get_by_role("button", name="Try again: 0.jpg")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator(".upload").first).to_have_attribute("data-state", "waiting")
        expect(page.get_by_role("button", name="Cancel: 0.jpg")).to_be_focused()
        for name in ("Cancel: 2.jpg", "Cancel: 3.jpg"):
            page.get_by_role("button", name=name).click()
        expect(page.get_by_role("button", name="Try again: 2.jpg")).to_be_visible()
        for name in ("Show all", "Show fewer"):
            page.get_by_role("button", name=name).click()
        expect(page.get_by_role("button", name="Try again: 2.jpg")).to_be_hidden()


def test_the_focus_moves_to_a_row_that_is_shown_when_one_is_dismissed(
    live_gallery: LiveGallery, open_page: OpenPage
) -> None:
    page = live(open_page(live_gallery.url))
    notes: FilePayload = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"Dear all"}
    page.set_input_files("#file-input", [*_files(5), notes, *_files(6)])
    expect(page.locator(".upload[data-state=ready]")).to_have_count(11)
    page.get_by_role("button", name="Dismiss: notes.txt").press("Enter")
    expect(page.locator(".upload.is-open .upload-compare")).to_be_focused()


def test_an_upload_goes_on_after_the_connection_was_lost(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = live(open_page(live_gallery.url, expected=("ERR_INTERNET_DISCONNECTED", "ERR_FAILED")))
    keys = _keys(page)
    page.context.set_offline(True)
    choose(page, "field.jpg", PHOTO)
    expect(page.locator(".upload[data-state=offline]")).to_be_visible()
    page.context.set_offline(False)
    expect(page.locator(".upload[data-state=ready]")).to_be_visible()
    assert len(keys) > 1
    assert len(set(keys)) == 1
    assert len(live_gallery.cards()) == 1


def test_an_upload_waits_as_long_as_the_server_asks_for(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = live(open_page(live_gallery.url, expected=("status of 429",)))
    answers = iter([True])

    def refuse_once(route: Route) -> None:
        if next(answers, False):
            body = json.dumps({"code": "rate_limited", "status": 429})
            route.fulfill(status=429, headers={"Retry-After": "1"}, content_type="application/problem+json", body=body)
        else:
            route.continue_()

    page.route("**/upload/", refuse_once)
    choose(page, "field.jpg", SMALL)
    expect(page.locator(".upload[data-state=held] .upload-state")).to_contain_text("goes on in a moment")
    expect(page.locator(".upload[data-state=ready]")).to_be_visible()


@pytest.fixture
def cramped_server(tmp_path: Path) -> Iterator[GalleryServer]:
    """A server of its own, with room for one photo and a half."""
    with GalleryServer(tmp_path / "cramped", {"STORAGE_LIMIT_BYTES": str(len(PHOTO) * 3 // 2)}) as server:
        server.start()
        server.add_staff()
        yield server


def test_an_upload_that_finds_no_room_is_sent_as_soon_as_there_is(
    cramped_server: GalleryServer, open_page: OpenPage
) -> None:
    with closing(cramped_server.staff()) as staff:
        gallery = LiveGallery(cramped_server, staff)
        page = live(open_page(gallery.url, expected=("status of 507", REMOVED)))
        page.clock.install()
        gallery.upload(PHOTO, "in the way.jpg")
        choose(page, "field.jpg", PHOTO)
        expect(page.locator(".upload[data-state=held] .upload-state")).to_contain_text("as soon as there is")
        gallery.remove("in the way.jpg")
        page.clock.fast_forward(40_000)
        expect(page.locator(".upload[data-state=ready]")).to_be_visible()


def test_an_answer_of_before_a_restore_brings_no_picture_back(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    kept = live_gallery.upload(SMALL, "kept.jpg")
    page = live(open_page(live_gallery.url, expected=(REMOVED,)))
    expect(page.locator(".card[data-status=ready]")).to_be_visible()
    answers: list[tuple[Route, APIResponse]] = []
    page.route("**/upload/", lambda route: answers.append((route, route.fetch())))
    choose(page, "lost.jpg", PHOTO)
    expect(page.locator(".card")).to_have_count(2)  # by the feed; the answer is on its way
    with page.expect_response(f"{live_gallery.images_url}?*"):
        live_gallery.server.shell(RESTORE.format(slug=live_gallery.slug))
    expect(page.locator(".card")).to_have_count(1)
    route, answer = answers[0]
    route.fulfill(response=answer)
    expect(page.locator(".upload[data-state=failed] .upload-state")).to_contain_text("was removed")
    assert page.locator(".card").evaluate_all("cards => cards.map((card) => card.dataset.imageId)") == [kept["id"]]


def test_an_upload_survives_a_token_that_is_too_old(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = live(open_page(live_gallery.url, expected=("status of 403",)))
    page.context.clear_cookies(name="csrftoken")
    choose(page, "field.jpg", SMALL)
    expect(page.locator(".upload[data-state=ready]")).to_be_visible()


def test_a_file_that_vanished_before_it_was_sent_says_so(
    live_gallery: LiveGallery, open_page: OpenPage, tmp_path: Path
) -> None:
    page = live(
        open_page(
            live_gallery.url, expected=("ERR_INTERNET_DISCONNECTED", "ERR_FILE_NOT_FOUND", "ERR_UPLOAD_FILE_CHANGED")
        )
    )
    file = tmp_path / "gone.jpg"
    file.write_bytes(PHOTO)
    page.context.set_offline(True)
    page.set_input_files("#file-input", file)
    expect(page.locator(".upload[data-state=offline]")).to_be_visible()
    file.unlink()
    page.context.set_offline(False)
    expect(page.locator(".upload[data-state=failed] .upload-state")).to_contain_text("can't be read")


def test_files_can_be_dropped_anywhere_and_pasted(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    page = live(open_page(live_gallery.url))
    data = page.evaluate_handle(
        "bytes => { const data = new DataTransfer();"
        " data.items.add(new File([new Uint8Array(bytes)], 'dropped.jpg', { type: 'image/jpeg' })); return data; }",
        list(SMALL),
    )
    page.dispatch_event("body", "dragover", {"dataTransfer": data})
    expect(page.locator("#drop-veil")).to_be_visible()
    page.dispatch_event("body", "drop", {"dataTransfer": data})
    expect(page.locator("#drop-veil")).to_be_hidden()
    expect(page.locator(".upload[data-state=ready]")).to_have_count(1)
    data.evaluate(
        "data => document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }))"
    )
    expect(page.locator(".upload[data-state=ready]")).to_have_count(2)


class _slow_network:  # noqa: N801 (reads like a function where it is used)
    """Sends slowly while the block runs."""

    def __init__(self, page: Page, bytes_a_second: int) -> None:
        self.session: CDPSession = page.context.new_cdp_session(page)
        self.bytes_a_second = bytes_a_second

    def __enter__(self) -> None:
        self.session.send("Network.enable")
        self._limit(self.bytes_a_second)

    def __exit__(self, *_exception: object) -> None:
        self._limit(-1)

    def _limit(self, bytes_a_second: int) -> None:
        conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_a_second}
        self.session.send("Network.emulateNetworkConditions", conditions)


def _files(number: int) -> list[FilePayload]:
    """This many pictures."""
    return [{"name": f"{n}.jpg", "mimeType": "image/jpeg", "buffer": PHOTO} for n in range(number)]


def _keys(page: Page) -> list[str]:
    """The upload keys of all requests from now on."""
    keys: list[str] = []

    def look(route: Route) -> None:
        body = (route.request.post_data_buffer or b"").decode("latin-1")
        keys.extend(re.findall(r'name="key"\r\n\r\n([0-9a-f-]{36})', body))
        route.continue_()

    page.route("**/upload/", look)
    return keys


def _kilobytes(size: int) -> re.Pattern[str]:
    return re.compile(rf"^{size / 1000:.1f}.KB$")
