"""Numbers and errors in words, in both languages."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.modules import Modules

REFUSALS = {
    *("bad_request", "missing_file", "csrf_failed", "not_found", "conflict", "too_large", "unsupported_type"),
    *("unreadable_image", "too_many_pixels", "rate_limited", "unavailable", "storage_full"),
}
FAILURES = {
    *("damaged_image", "too_many_pixels", "too_complex", "unsupported_type", "processing_failed", "original_missing"),
}

CATALOG = """() => {
  window.gettext = (text) => text;
  window.ngettext = (one, many, count) => (count === 1 ? one : many);
  window.interpolate = (text, values) => text.replace(/%\\((\\w+)\\)s/g, (_, name) => values[name]);
}"""


@pytest.fixture(scope="module")
def modules(browser: Browser) -> Iterator[Modules]:
    modules = Modules(browser)
    modules.page.evaluate(CATALOG)
    yield modules
    modules.close()


def say(modules: Modules, language: str, name: str, *arguments: Any) -> str:
    script = """(module, [language, name, values]) => {
      document.documentElement.lang = language;
      return module[name](...values);
    }"""
    text = str(modules.run("js/format.js", script, [language, name, list(arguments)]))
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("size", "english", "indonesian"),
    [
        (0, "0 B", "0 B"),
        (999, "999 B", "999 B"),
        (4_120, "4.1 KB", "4,1 KB"),
        (999_960, "1.0 MB", "1,0 MB"),
        (3_012_345, "3.0 MB", "3,0 MB"),
        (5_000_000_000_000_000, "5,000.0 TB", "5.000,0 TB"),
    ],
)
def test_sizes_are_written_for_people(modules: Modules, size: int, english: str, indonesian: str) -> None:
    assert say(modules, "en", "fileSize", size) == english
    assert say(modules, "id", "fileSize", size) == indonesian


@pytest.mark.parametrize(
    ("percentage", "words"),
    [
        (99.86, "99.9 % smaller"),
        (99.99, "99.9 % smaller"),
        (0.04, "same size"),
        (-12.34, "12.3 % larger"),
        (57.3, "57.3 % smaller"),
    ],
)
def test_the_saving_never_promises_more_than_was_saved(modules: Modules, percentage: float, words: str) -> None:
    assert say(modules, "en", "saving", percentage) == words


def test_the_saving_follows_the_language(modules: Modules) -> None:
    assert say(modules, "id", "saving", 99.9) == "99,9 % smaller"


def test_limits_read_as_they_were_set(modules: Modules) -> None:
    assert say(modules, "en", "sizeLimit", 5 * 1024 * 1024) == "5 MB"
    assert say(modules, "id", "sizeLimit", 1_572_864) == "1,5 MB"


@pytest.mark.parametrize("code", sorted(REFUSALS | FAILURES))
def test_every_refusal_and_failure_has_a_sentence(modules: Modules, code: str) -> None:
    assert say(modules, "en", "errorText", code) not in {"", say(modules, "en", "errorText", "something else")}


def test_errors_name_the_limit(modules: Modules) -> None:
    limits = {"max_bytes": 5 * 1024 * 1024, "max_pixels": 50_000_000}
    assert say(modules, "en", "errorText", "too_large", limits) == "The picture is larger than 5 MB."
    assert say(modules, "en", "errorText", "too_many_pixels", limits) == "The picture has more than 50 megapixels."
