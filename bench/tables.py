"""Rows of measurements: as a table for people, and the small statistics in them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

Value = str | int | float
Row = dict[str, Value]


@dataclass
class Section:
    """What one benchmark found. All rows have the same columns, whose names carry the unit."""

    title: str
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The section for a terminal."""
        notes = [f"  {note}" for note in self.notes]
        return "\n".join([self.title, "=" * len(self.title), *table(self.rows), *notes]) + "\n"


def table(rows: Sequence[Row]) -> list[str]:
    """Lines of equal columns under their names; numbers stand right."""
    if not rows:
        return []
    names = list(rows[0])
    cells = [[shown(row[name]) for name in names] for row in rows]
    heads = [name.replace("_", " ") for name in names]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    is_text = [isinstance(rows[0][name], str) for name in names]

    def line(words: Sequence[str]) -> str:
        fields = (w.ljust(n) if left else w.rjust(n) for w, n, left in zip(words, widths, is_text, strict=True))
        return "  ".join(fields).rstrip()

    return [line(heads), "  ".join("-" * width for width in widths), *map(line, cells)]


def shown(value: Value) -> str:
    """A value with three digits that mean something."""
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}"
    return str(value)


def target(value: float, limit: float) -> str:
    """Whether `value` is at most `limit`, in words."""
    return f"{'met' if value <= limit else 'MISSED'} (<= {limit:g})"


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of `values` that at least `share` percent of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share / 100 * len(ordered)) - 1)]
