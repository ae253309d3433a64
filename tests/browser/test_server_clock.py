"""A browser whose clock is hours off: addresses run out by the server's clock, and nobody asks for new ones in vain."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.modules import Modules
from tests.browser.test_gallery_feed import Feed, images

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)  # by the server
WRONG = [timedelta(hours=2), timedelta(hours=-2), timedelta(days=-3000)]


def iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


@pytest.fixture
def modules(browser: Browser) -> Iterator[Modules]:
    modules = Modules(browser)
    modules.page.clock.install(time=NOON)
    yield modules
    modules.close()


@pytest.fixture
def feed(browser: Browser) -> Iterator[Feed]:
    feed = Feed(browser)
    yield feed
    feed.close()


def is_running_out(modules: Modules, expires: datetime, now: str = iso(NOON)) -> Any:
    """Whether a picture that was not loaded yet needs a new address, once the server has said what time it is."""
    script = """async ({ LoadingPicture }, { now, expires }) => {
      const { ServerClock } = await import("/js/server-clock.js");
      const clock = new ServerClock();
      clock.hear(now);
      const nothing = () => {};
      const options = { now: clock.now, onLoad: nothing, onNeedsUrl: nothing, onGivenUp: nothing };
      const picture = new LoadingPicture(new Image(), options);
      picture.show({ url: "data:,", expires, revision: 1 });
      return picture.needsUrl;
    }"""
    return modules.run("js/loading-picture.js", script, {"now": now, "expires": iso(expires)})


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_picture_runs_out_by_the_servers_clock(modules: Modules, wrong: timedelta) -> None:
    modules.page.clock.set_system_time(NOON + wrong)
    assert is_running_out(modules, NOON + timedelta(minutes=50)) is False
    assert is_running_out(modules, NOON + timedelta(minutes=1)) is True


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_nothing_has_run_out_before_the_server_has_told_the_time(modules: Modules, wrong: timedelta) -> None:
    modules.page.clock.set_system_time(NOON + wrong)
    assert is_running_out(modules, NOON + timedelta(minutes=1), now="") is False


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_wall_loads_at_once_what_the_server_says_is_valid(modules: Modules, wrong: timedelta) -> None:
    modules.page.clock.set_system_time(NOON + wrong)
    script = """async ({ WallPictures }, { now, expires }) => {
      const { ServerClock } = await import("/js/server-clock.js");
      const clock = new ServerClock();
      clock.hear(now);
      const renewed = [];
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = 4;
      const size = { width: 4, height: 4 };
      const card = { id: "a", revision: 1, ...size, urls_expire_at: expires, original_url: canvas.toDataURL() };
      const loaded = new Promise((resolve) => {
        const pictures = new WallPictures({ now: clock.now, renew: (ids) => renewed.push(...ids), onLoaded: resolve });
        pictures.want([card]);
      });
      return [await loaded, renewed];
    }"""
    facts = {"now": iso(NOON), "expires": iso(NOON + timedelta(minutes=50))}
    assert modules.run("js/wall-pictures.js", script, facts) == ["a", []]


def test_it_hears_the_time_from_hello_and_heartbeat(feed: Feed) -> None:
    feed.start(images(1, "a"))
    feed.until("connections.length === 1")
    feed.page.evaluate("""async () => {
      const { ServerClock } = await import("/js/server-clock.js");
      window.heard = [];
      ServerClock.prototype.hear = (time) => window.heard.push(time);
    }""")
    feed.hear(type="hello", gallery="main", epoch="e", head=1, heartbeat_seconds=15, now="2026-01-31T12:00:00Z")
    feed.hear(type="heartbeat", head=1, epoch="e", viewers=1, now="2026-01-31T12:00:15Z")
    assert feed.page.evaluate("heard") == ["2026-01-31T12:00:00Z", "2026-01-31T12:00:15Z"]


def test_it_goes_on_asking_for_addresses_after_its_clock_was_put_back_by_hours(modules: Modules) -> None:
    script = """({ UrlRenewal }) => {
      window.asked = [];
      window.renewal = new UrlRenewal((ids) => { window.asked.push(...ids); return true; });
      window.renewal.ask(["a"]);
    }"""
    modules.run("js/url-renewal.js", script)
    modules.page.clock.run_for(1_000)
    modules.page.clock.set_system_time(NOON - timedelta(hours=2))
    modules.page.clock.run_for(11_000)
    modules.page.evaluate("renewal.ask(['a'])")
    modules.page.clock.run_for(1_000)
    assert modules.page.evaluate("asked") == ["a", "a"]
