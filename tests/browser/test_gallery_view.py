"""The grid of pictures, without the gallery that feeds it."""

from tests.browser.conftest import OpenPage
from tests.browser.gallery_server import LiveGallery
from tests.browser.page import live

# A second grid on the page, scrolled down, whose gallery is then loaded afresh and holds none of the cards of before
LOADED_AFRESH = """async () => {
  const main = document.querySelector("script[type=module][src*='/js/main']").src;
  const { GalleryView } = await import(main.replace(/main[^/]*$/, "gallery-view.js"));
  const section = document.getElementById("gallery").cloneNode(true);
  document.body.append(section);
  section.style.cssText = "position: fixed; top: 50px; inline-size: 100%";
  const nothing = () => {};
  const view = new GalleryView({
    section,
    template: document.getElementById("card-template"),
    config: { owner: "", staff: true },
    now: Date.now,
    renew: nothing,
    reload: nothing,
    onOpen: nothing,
    onEmpty: nothing,
    onDraw: nothing,
  });
  const drawn = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  const show = async (...positions) => {
    const cards = positions.map((position) => ({
      id: String(position), position, seq: position, revision: 1, status: "failed", error: "processing_failed",
      original_name: `${position}.jpg`, original_size: 1, width: 4, height: 3, owner: "",
    }));
    view.show({ cards: new Map(cards.map((card) => [card.id, card])), next: null, held: null });
    await drawn();
    return [...section.querySelectorAll(".card:not(.is-leaving) .name")].map((name) => name.textContent);
  };
  const before = await show(1, 2);
  section.style.top = "-500px";
  return [before, await show(1, 2, 3), await show(101, 102)];
}"""


def test_a_gallery_that_was_loaded_afresh_shows_to_somebody_further_down(
    live_gallery: LiveGallery, open_page: OpenPage
) -> None:
    page = live(open_page(live_gallery.url))
    assert page.evaluate(LOADED_AFRESH) == [["2.jpg", "1.jpg"], ["2.jpg", "1.jpg"], ["102.jpg", "101.jpg"]]
