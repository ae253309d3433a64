"""Puts the numbers of results.json into docs/benchmarks.md, between the comments that name each benchmark."""

import json
import re
from pathlib import Path
from typing import Any

from bench.machine import ROOT
from bench.tables import Row, shown

PAGE = ROOT / "docs" / "benchmarks.md"


def write(results: Path) -> None:
    """Replace every table of the page."""
    found = json.loads(results.read_text())
    page = between("machine", machine(found["machine"]), PAGE.read_text())
    for name, benchmark in found["benchmarks"].items():
        page = between(name, section(benchmark), page)
    PAGE.write_text(page)


def between(name: str, text: str, page: str) -> str:
    """The page with `text` between the two comments called `name`."""
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    return re.sub(f"{start}.*{end}", lambda _: f"{start}\n{text}\n{end}", page, flags=re.DOTALL)


def machine(facts: dict[str, Any]) -> str:
    """A sentence about the machine."""
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    return (
        f"Machine: {facts['cpu']}, {facts['cores']} cores, {facts['memory_gb']} GB, {facts['system']}, "
        f"Python {facts['python']}, {packages}."
    )


def section(benchmark: dict[str, Any]) -> str:
    """A table, then its notes and when it was measured."""
    rows: list[Row] = benchmark["rows"]
    names = list(rows[0])
    lines = [
        "| " + " | ".join(name.replace("_", " ") for name in names) + " |",
        "|" + "|".join("---" if isinstance(rows[0][name], str) else "---:" for name in names) + "|",
        *("| " + " | ".join(shown(row[name]) for name in names) + " |" for row in rows),
    ]
    notes = " ".join([*benchmark["notes"], f"Measured {benchmark['measured_at'][:10]} at {benchmark['commit']}."])
    return "\n".join([*lines, "", notes])
