"""The wall: a screen that shows new pictures by itself, for days."""

import re
import time
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Request, expect

from tests import pictures
from tests.browser.conftest import OpenPage
from tests.browser.gallery_server import GalleryServer, LiveGallery
from tests.browser.page import GONE, REMOVED, serve_changed
from tests.stack.fleet import until

FULL_HD = {"width": 1920, "height": 1080}
STAGE_MS = 6_000
# Pictures whose originals are lost
MANY_FAIL = """
from imgs import jobs, removal
from imgs.models import Gallery
from tests.factories import upload
gallery = Gallery.objects.get(slug={slug!r})
for _ in range({number}):
    jobs.write_off(upload(gallery))
"""


def ready(wall: Page) -> Page:
    expect(wall.locator("#wall")).not_to_have_attribute("data-state", "loading")
    return wall


def on_stage(wall: Page, card: dict[str, Any]) -> None:
    expect(wall.locator(f'[data-part=stage][data-image-id="{card["id"]}"] canvas')).to_be_visible()


def tiles(wall: Page) -> list[dict[str, float]]:
    """The boxes of the mosaic's tiles."""
    script = """(tiles) => tiles.map((tile) => {
      const { x, y, width, height } = tile.getBoundingClientRect();
      return { x, y, width, height };
    })"""
    boxes: list[dict[str, float]] = wall.locator(".wall__tile").evaluate_all(script)
    return boxes


def covered(wall: Page) -> float:
    """The share of the screen that pictures and the invitation cover."""
    invite = wall.locator("[data-part=invite]").bounding_box()
    assert invite
    area = invite["width"] * invite["height"] + sum(box["width"] * box["height"] for box in tiles(wall))
    size = wall.viewport_size
    assert size
    return area / (size["width"] * size["height"])


def upload_many(gallery: LiveGallery, number: int) -> list[dict[str, Any]]:
    """Pictures of several shapes, all ready."""
    shapes = [(600, 400), (400, 600), (640, 480), (500, 500), (800, 450)]
    cards = [
        gallery.upload(pictures.photo(*shapes[index % len(shapes)], seed=index), f"{index}.jpg")
        for index in range(number)
    ]
    deadline = time.monotonic() + 60
    while any(card["status"] != "ready" for card in gallery.cards()):
        assert time.monotonic() < deadline, "the pictures did not become ready"
        time.sleep(0.1)  # nobody is told about it but the pages under test
    return cards


@pytest.fixture(scope="module")
def full_gallery(gallery_server: GalleryServer, staff: httpx.Client) -> LiveGallery:
    """A gallery with more pictures than a wall shows at once."""
    gallery = LiveGallery(gallery_server, staff)
    upload_many(gallery, 24)
    return gallery


def test_an_empty_wall_invites_in_the_language_of_its_viewer(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    english = open_page(live_gallery.wall_url)
    expect(english.get_by_text("Scan to add the first picture")).to_be_visible()
    expect(english.get_by_text(live_gallery.url)).to_be_visible()
    indonesian = open_page(live_gallery.wall_url, locale="id-ID")
    expect(indonesian.get_by_text("Pindai untuk menambahkan foto pertama")).to_be_visible()
    expect(indonesian.locator("html")).to_have_attribute("lang", "id")


def test_the_qr_code_can_be_scanned_from_across_the_room(full_gallery: LiveGallery, open_page: OpenPage) -> None:
    wall = open_page(full_gallery.wall_url, viewport=FULL_HD)
    code = wall.get_by_alt_text(re.compile("QR"))
    expect(wall.locator(".wall__tile").first).to_be_visible()
    expect(code).to_be_in_viewport(ratio=1)
    expect(code).to_have_js_property("complete", True)

    def is_large() -> bool:
        box = code.bounding_box()
        return box is not None and min(box["width"], box["height"]) >= 180

    until(is_large)  # it travels while pictures come
    assert code.evaluate("(image) => image.naturalWidth") > 0
    assert wall.locator(".wall__scan").evaluate("(text) => parseFloat(getComputedStyle(text).fontSize)") >= 28


def test_a_new_picture_takes_the_stage_then_joins_the_mosaic(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    wall = ready(open_page(live_gallery.wall_url, viewport=FULL_HD, expected=GONE))
    wall.clock.install()
    card = live_gallery.upload(pictures.photo(900, 600), "sunset.jpg")
    on_stage(wall, card)
    expect(wall.get_by_role("img", name="sunset.jpg")).to_have_count(1)
    wall.clock.run_for(STAGE_MS - 3_000)  # real time goes on besides
    on_stage(wall, card)
    wall.clock.run_for(3_100)
    expect(wall.locator("[data-part=stage]")).to_be_hidden()
    expect(wall.locator(f'.wall__tile[data-image-id="{card["id"]}"] canvas')).to_be_visible()


def test_the_picture_on_stage_is_sharp(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    wall = ready(open_page(live_gallery.wall_url, viewport=FULL_HD))
    on_stage(wall, live_gallery.upload(pictures.photo(2400, 1600), "large.jpg"))
    canvas = wall.locator("[data-part=stage] canvas")
    shown = canvas.bounding_box()
    assert shown
    assert shown["width"] > 1_500
    until(lambda: shown["width"] <= canvas.evaluate("(canvas) => canvas.width"))  # the first one is for a tile
    assert canvas.evaluate("(canvas) => canvas.width") <= 2_400


def test_of_many_at_once_only_the_newest_waits_for_the_stage(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    wall = open_page("about:blank", viewport=FULL_HD)
    serve_changed(wall, "wall-director", "STAGE_MS = 6_000;", "STAGE_MS = 15_000;")  # in which others are uploaded
    wall.goto(live_gallery.wall_url)
    ready(wall)
    first = live_gallery.upload(pictures.photo(600, 400), "first.jpg")
    on_stage(wall, first)
    *others, newest = upload_many(live_gallery, 4)
    for card in others:
        expect(wall.locator(f'.wall__tile[data-image-id="{card["id"]}"]')).to_have_count(1)
    on_stage(wall, first)
    expect(wall.locator(f'[data-image-id="{newest["id"]}"]')).to_have_count(0)
    on_stage(wall, newest)


@pytest.mark.parametrize(
    "viewport",
    [FULL_HD, {"width": 390, "height": 844}, {"width": 1080, "height": 1920}],
    ids=["tv", "phone", "upright tv"],
)
def test_the_mosaic_fills_the_screen_without_gaps(
    full_gallery: LiveGallery, open_page: OpenPage, viewport: dict[str, int]
) -> None:
    wall = open_page(full_gallery.wall_url, viewport=viewport, reduced_motion="reduce")
    expect(wall.locator(".wall__tile").nth(5)).to_be_visible()
    until(lambda: covered(wall) > 0.95)
    for box in tiles(wall):
        assert box["x"] >= -1
        assert box["y"] >= -1
        assert box["x"] + box["width"] <= viewport["width"] + 1
        assert box["y"] + box["height"] <= viewport["height"] + 1


def test_more_pictures_leave_no_more_in_the_document(full_gallery: LiveGallery, open_page: OpenPage) -> None:
    wall = open_page(full_gallery.wall_url, reduced_motion="reduce")
    shown = [card["id"] for card in full_gallery.cards()]
    oldest = wall.locator(f'[data-image-id="{shown[12]}"]')
    expect(oldest).to_have_count(1)
    cards = upload_many(full_gallery, 10)
    on_stage(wall, cards[-1])
    expect(oldest).to_have_count(0)
    assert wall.locator("canvas").count() <= 21


def test_what_hangs_stays_until_what_replaces_it_has_come(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    upload_many(live_gallery, 20)
    mark = live_gallery.upload(pictures.photo(600, 400), "mark.jpg")
    wall = open_page(live_gallery.wall_url, expected=(REMOVED,), reduced_motion="reduce")
    expect(wall.locator(f'.wall__tile[data-image-id="{mark["id"]}"]')).to_have_count(1)
    expect(wall.locator(".wall__tile").nth(12)).to_be_visible()
    wall.route("**/image/**", lambda _: None)  # no answer, until nobody listens here any more
    upload_many(live_gallery, 64)
    live_gallery.remove("mark.jpg")  # once that shows, the wall knows of all the others
    expect(wall.locator(f'[data-image-id="{mark["id"]}"]')).to_have_count(0)
    assert wall.locator(".wall__tile canvas").count() >= 6  # not all fit well without the largest
    wall.unroute("**/image/**")
    on_stage(wall, live_gallery.cards()[0])
    for card in live_gallery.cards()[1:10]:
        expect(wall.locator(f'[data-image-id="{card["id"]}"]')).to_have_count(1)


def test_older_pictures_take_their_turn_while_nothing_arrives(full_gallery: LiveGallery, open_page: OpenPage) -> None:
    wall = open_page("about:blank", expected=GONE, reduced_motion="reduce")
    wall.clock.install()
    wall.goto(full_gallery.wall_url)
    cards = full_gallery.cards()
    newest, older = cards[0]["id"], cards[21]["id"]
    expect(wall.locator(f'[data-image-id="{newest}"]')).to_have_count(1)
    expect(wall.locator(f'[data-image-id="{older}"]')).to_have_count(0)
    wall.clock.run_for(46_000)
    expect(wall.locator(f'[data-image-id="{older}"]')).to_have_count(1)
    expect(wall.locator(f'[data-image-id="{newest}"]')).to_have_count(1)


def test_a_wall_whose_clock_is_wrong_shows_pictures_all_the_same(
    live_gallery: LiveGallery, open_page: OpenPage
) -> None:
    first = live_gallery.upload(pictures.photo(600, 400, seed=5), "first.jpg")
    wall = open_page("about:blank")
    wall.clock.install(time=time.time() + 7 * 24 * 3600)
    wall.goto(live_gallery.wall_url)
    expect(wall.locator(f'[data-image-id="{first["id"]}"]')).to_have_count(1)
    on_stage(wall, live_gallery.upload(pictures.photo(600, 400, seed=6), "second.jpg"))


def test_a_removed_picture_leaves_stage_and_mosaic(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    hung = live_gallery.upload(pictures.photo(600, 400, seed=3), "hung.jpg")
    wall = open_page(live_gallery.wall_url, expected=(REMOVED,))
    expect(wall.locator(f'.wall__tile[data-image-id="{hung["id"]}"]')).to_have_count(1)
    staged = live_gallery.upload(pictures.photo(600, 400, seed=4), "staged.jpg")
    on_stage(wall, staged)
    live_gallery.remove("staged.jpg")
    expect(wall.locator("[data-part=stage]")).to_be_hidden()
    live_gallery.remove("hung.jpg")
    expect(wall.locator("#wall")).to_have_attribute("data-state", "empty")
    expect(wall.locator(".wall__tile")).to_have_count(0)


def test_older_pictures_come_when_many_were_removed(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    oldest, *_ = upload_many(live_gallery, 64)
    wall = open_page(live_gallery.wall_url, expected=(REMOVED,))
    expect(wall.locator(".wall__tile").nth(10)).to_be_visible()
    live_gallery.server.shell(
        "from imgs import jobs, removal; from imgs.models import UploadedImage\n"
        f"for image in UploadedImage.objects.filter(gallery__slug={live_gallery.slug!r}).order_by('-position')[:58]:\n"
        "    removal.remove(image)"
    )
    expect(wall.locator(f'.wall__tile[data-image-id="{oldest["id"]}"]')).to_have_count(1)
    expect(wall.locator(".wall__tile")).to_have_count(6)


def test_pictures_that_nobody_can_see_push_none_off_the_wall(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    hung = upload_many(live_gallery, 3)
    fail = MANY_FAIL.format(slug=live_gallery.slug, number=62)  # more than a page holds, and than a wall keeps
    wall = open_page(live_gallery.wall_url, expected=(REMOVED,))
    expect(wall.locator(".wall__tile")).to_have_count(len(hung))
    live_gallery.server.shell(fail)
    live_gallery.remove("2.jpg")
    expect(wall.locator(".wall__tile")).to_have_count(len(hung) - 1)
    opened_later = open_page(live_gallery.wall_url)
    expect(opened_later.locator(".wall__tile")).to_have_count(len(hung) - 1)


def test_a_picture_that_cannot_be_loaded_never_shows_and_is_asked_for_again(
    live_gallery: LiveGallery, open_page: OpenPage
) -> None:
    wall = ready(open_page(live_gallery.wall_url, expected=("410",)))
    wall.route("**/image/**", lambda route: route.fulfill(status=410))
    with wall.expect_response("**/image/**"):
        card = live_gallery.upload(pictures.photo(600, 400), "late.jpg")
    expect(wall.locator("canvas")).to_have_count(0)
    wall.unroute("**/image/**")
    expect(wall.locator(f'[data-image-id="{card["id"]}"] canvas')).to_have_count(1)


def test_the_connection_shows_only_while_it_is_lost(
    gallery_server: GalleryServer, live_gallery: LiveGallery, open_page: OpenPage
) -> None:
    card = live_gallery.upload(pictures.photo(600, 400), "kept.jpg")
    wall = open_page(live_gallery.wall_url, expected=GONE)
    picture = wall.locator(f'[data-image-id="{card["id"]}"] canvas')
    expect(picture).to_be_visible()
    connection = wall.locator("[data-part=connection]")
    expect(connection).to_be_hidden()
    gallery_server.stop()
    expect(connection).to_have_text("Reconnecting")
    expect(picture).to_be_visible()
    gallery_server.start()
    on_stage(wall, live_gallery.upload(pictures.photo(600, 400, seed=2), "after.jpg"))
    expect(connection).to_be_hidden()


def test_it_speaks_to_nobody_but_its_own_server(live_gallery: LiveGallery, open_page: OpenPage) -> None:
    asked: list[str] = []
    wall = open_page("about:blank")

    def remember(request: Request) -> None:
        asked.append(request.url)

    wall.on("request", remember)
    wall.goto(live_gallery.wall_url)
    ready(wall)
    hosts = {httpx.URL(url).host for url in asked if not url.startswith("data:")}
    assert hosts == {"127.0.0.1"}


def test_it_can_be_read_by_everybody(full_gallery: LiveGallery, live_gallery: LiveGallery, open_page: OpenPage) -> None:
    for url in (full_gallery.wall_url, live_gallery.wall_url, f"{live_gallery.url}nowhere/"):
        page = open_page(url, expected=("404",))
        expect(page.locator("main:not([data-state=loading])")).to_be_visible()
        assert Axe().run(page).response["violations"] == [], url
