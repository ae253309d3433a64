"""Whether figures stay where they are: the medians of the first and the last third of the samples after a warm-up."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

from bench.tables import Row

WARM_UP_SHARE = 0.2
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Tolerance:
    """What a figure may grow by: a share of what it was and a fixed amount, and why."""

    share: float
    amount: float
    reason: str

    def allows(self, before: float, after: float) -> bool:
        """Whether this growth is none."""
        return after <= before * (1 + self.share) + self.amount


TOLERANCES = {
    "JS heap": Tolerance(0.05, MEGABYTE / 4, "cards carry small versions of 1 to 11 KB; the mix of the day varies"),
    "nodes": Tolerance(0.04, 50, "31 to 34 for a card, the more when it was seen waiting; a few are on their way out"),
    "listeners": Tolerance(0.03, 10, "a card has 5"),
    "documents": Tolerance(0, 1, "none is expected"),
    "sockets": Tolerance(0, 1, "one may be between two lives at the moment of a sample"),
    "descriptors": Tolerance(0, 10, "browsers keep up to six idle connections each"),
    "memory": Tolerance(0.05, 8 * MEGABYTE, "the allocator keeps what a burst needed"),
    "memory of children": Tolerance(0.10, 16 * MEGABYTE, "as large as their last pictures; replaced after 500"),
    "memory of renderers": Tolerance(0.05, 64 * MEGABYTE, "caches of decoded pictures come and go"),
}


@dataclass
class Samples:
    """Series of figures by who has them and what they count."""

    series: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, who: str, figures: Mapping[str, float]) -> None:
        """Take in one sample."""
        for name, value in figures.items():
            self.series[who, name].append(value)

    def rows(self) -> list[Row]:
        """A line for each series, with its verdict."""
        rows: list[Row] = []
        for (who, name), values in self.series.items():
            before, after = thirds(values)
            is_flat = TOLERANCES[name].allows(before, after)
            scale, unit = (MEGABYTE, "MB") if name == "JS heap" or name.startswith("memory") else (1, "")
            rows.append({
                "who": who,
                "what": f"{name} {unit}".strip(),
                "first_third": round(before / scale, 1),
                "last_third": round(after / scale, 1),
                "samples": len(values),
                "verdict": "flat" if is_flat else f"GROWS ({TOLERANCES[name].reason})",
            })  # fmt: skip
        return rows

    def growing(self) -> list[str]:
        """The series that are not flat."""
        return [f"{row['who']}: {row['what']}" for row in self.rows() if row["verdict"] != "flat"]


def thirds(values: list[float]) -> tuple[float, float]:
    """The medians of the first and the last third of what comes after the warm-up."""
    warm = values[int(len(values) * WARM_UP_SHARE) :]
    size = max(1, len(warm) // 3)
    return median(warm[:size]), median(warm[-size:])
