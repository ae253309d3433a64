"""The colours in browsers that know no light-dark(), as on telephones that get no newer Safari than 16."""

import pytest
from playwright.sync_api import Page, Route

from tests.browser.conftest import OpenPage
from tests.browser.gallery_server import LiveGallery

COLOURS = """(selector) => {
  const place = document.querySelector(selector);
  const names = [...document.styleSheets[0].cssRules].flatMap(namesIn);
  return Object.fromEntries(names.map((name) => {
    const sample = place.appendChild(document.createElement("i"));
    sample.style.color = `var(${name})`;
    const { color } = getComputedStyle(sample);
    sample.remove();
    return [name, color];
  }));

  function namesIn(rule) {
    if (rule.cssRules?.length) return [...rule.cssRules].flatMap(namesIn);
    return [...(rule.style ?? [])].filter((name) => /^#|light-dark|no-such/.test(rule.style.getPropertyValue(name)));
  }
}"""


def as_older(route: Route) -> None:
    response = route.fetch()
    route.fulfill(response=response, body=response.text().replace("light-dark(", "no-such("))


def colours(page: Page, address: str, selector: str) -> dict[str, str]:
    """The colours that what is in `selector` has for each name."""
    page.goto(address)
    found: dict[str, str] = page.evaluate(COLOURS, selector)
    return found


@pytest.mark.parametrize(("path", "selector"), [("", "body"), ("", ".picture-dialog"), ("wall", "body")])
def test_it_has_the_same_colours_in_browsers_that_cannot_choose_between_two(
    live_gallery: LiveGallery, open_page: OpenPage, path: str, selector: str
) -> None:
    address = live_gallery.wall_url if path == "wall" else live_gallery.url
    page = open_page("about:blank", color_scheme="light")
    now = colours(page, address, selector)
    page.route("**/tokens*.css", as_older)
    assert colours(page, address, selector) == now
    assert len(set(now.values())) > 12
