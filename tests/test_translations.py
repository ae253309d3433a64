"""Every text that a person reads stands in Indonesian too."""

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[1]
CATALOGS = ROOT / "locale" / "id" / "LC_MESSAGES"
DOMAINS = ["django", "djangojs"]
CALLS = {"gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "pgettext", "_"}
SCRIPT_CALL = re.compile(r"""\b(?:gettext|ngettext)\(\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]")


def python_texts() -> Iterator[str]:
    for folder in ("project", "imgs", "realtime"):
        for path in (ROOT / folder).rglob("*.py"):
            if "migrations" not in path.parts:
                yield from marked(path.read_text())


def marked(source: str) -> Iterator[str]:
    """The texts in calls of gettext and its relatives."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        text = node.args[0]
        if name in CALLS and isinstance(text, ast.Constant) and isinstance(text.value, str):
            yield text.value


def template_texts() -> Iterator[str]:
    for path in (ROOT / "templates").rglob("*.html"):
        for line in templatize(path.read_text(), origin=str(path)).splitlines():
            for call in re.findall(r"\bn?gettext\(.*?\)(?=\s|$)|_\(.*?\)(?=\s|$)", line):
                yield from marked(call)


def script_texts() -> Iterator[str]:
    for path in (ROOT / "static" / "js").rglob("*.js"):
        for literal in SCRIPT_CALL.findall(path.read_text()):
            yield ast.literal_eval(literal)


def catalog(domain: str) -> polib.POFile:
    return polib.pofile(str(CATALOGS / f"{domain}.po"))


def translated(domain: str) -> set[str]:
    return {entry.msgid for entry in catalog(domain) if entry.translated()}


def test_every_text_of_pages_and_program_is_translated() -> None:
    texts = set(python_texts()) | set(template_texts())
    assert len(texts) > 50
    assert sorted(texts - translated("django")) == []


def test_every_text_of_the_scripts_is_translated() -> None:
    texts = set(script_texts())
    assert len(texts) > 30
    assert sorted(texts - translated("djangojs")) == []


@pytest.mark.parametrize("domain", DOMAINS)
def test_nothing_is_left_over_or_only_guessed(domain: str) -> None:
    used = set(script_texts()) if domain == "djangojs" else set(python_texts()) | set(template_texts())
    entries = catalog(domain)
    assert sorted({entry.msgid for entry in entries} - used) == []
    assert [entry.msgid for entry in entries if entry.fuzzy or entry.obsolete] == []


@pytest.mark.parametrize("domain", DOMAINS)
def test_placeholders_survive_the_translation(domain: str) -> None:
    for entry in catalog(domain):
        wanted = set(PLACEHOLDER.findall(entry.msgid))
        for text in entry.msgstr_plural.values() or [entry.msgstr]:
            assert set(PLACEHOLDER.findall(text)) == wanted, entry.msgid


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_compiled_catalog_says_what_its_source_says(domain: str) -> None:
    with (CATALOGS / f"{domain}.mo").open("rb") as compiled:
        translations = gettext.GNUTranslations(compiled)
    for entry in catalog(domain):
        if entry.msgid_plural:
            assert translations.ngettext(entry.msgid, entry.msgid_plural, 2) == entry.msgstr_plural[0], entry.msgid
        else:
            assert translations.gettext(entry.msgid) == entry.msgstr, entry.msgid
