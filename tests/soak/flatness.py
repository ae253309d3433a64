"""Whether figures stay where they are.

After a warm-up the median of the last third of the samples is held against that of the first. Over ten minutes and more
what memory leaks of is also held to so much a minute, however much there was of it. A minute is too short for that:
then a server may grow by 8 MB and 5 %, which a burst explains as well as a leak does, and for some minutes a page still
trades the cards that it began with for others.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from statistics import median
from typing import NamedTuple

from bench.tables import Row

WARM_UP_SHARE = 0.2
TREND_SECONDS = 9.5 * 60  # from the first sample of a run of ten minutes to the last
MEGABYTE = 1024 * 1024


class Sample(NamedTuple):
    """A figure, and when it was so."""

    seconds: float
    value: float


@dataclass(frozen=True)
class Tolerance:
    """What a figure may grow by: a share of what it was and a fixed amount, and why; `a_minute` is for long runs."""

    share: float
    amount: float
    reason: str
    a_minute: float = inf

    def allows(self, samples: Sequence[Sample]) -> bool:
        """Whether this growth is none."""
        before, after = thirds(samples)
        is_long = samples[-1].seconds - samples[0].seconds >= TREND_SECONDS
        return after <= before * (1 + self.share) + self.amount and not (is_long and trend(samples) > self.a_minute)


TOLERANCES = {
    "JS heap": Tolerance(
        0.05, MEGABYTE / 4, "cards carry small versions of 1 to 11 KB; the mix of the day varies", 0.05 * MEGABYTE
    ),
    "nodes": Tolerance(
        0.04, 50, "31 to 34 for a card, the more when it was seen waiting; a few are on their way out", 100
    ),
    "listeners": Tolerance(0.03, 10, "a card has 5", 5),
    "documents": Tolerance(0, 1, "none is expected"),
    "sockets": Tolerance(0, 1, "one may be between two lives at the moment of a sample"),
    "descriptors": Tolerance(0, 10, "browsers keep up to six idle connections each"),
    "memory": Tolerance(0.05, 8 * MEGABYTE, "the allocator keeps what a burst needed", MEGABYTE),
    "memory of children": Tolerance(0.10, 16 * MEGABYTE, "as large as their last pictures; replaced after 500"),
    "memory of renderers": Tolerance(0.05, 64 * MEGABYTE, "caches of decoded pictures come and go"),
}


@dataclass
class Samples:
    """Series of figures by who has them and what they count."""

    series: dict[tuple[str, str], list[Sample]] = field(default_factory=lambda: defaultdict(list))

    def add(self, who: str, figures: Mapping[str, float], seconds: float) -> None:
        """Take in what was measured at a time, by any clock that goes evenly."""
        for name, value in figures.items():
            self.series[who, name].append(Sample(seconds, value))

    def rows(self) -> list[Row]:
        """A line for each series, with its verdict."""
        rows: list[Row] = []
        for (who, name), samples in self.series.items():
            before, after = thirds(samples)
            is_flat = TOLERANCES[name].allows(samples)
            scale, unit = (MEGABYTE, "MB") if name == "JS heap" or name.startswith("memory") else (1, "")
            rows.append({
                "who": who,
                "what": f"{name} {unit}".strip(),
                "first_third": round(before / scale, 1),
                "last_third": round(after / scale, 1),
                "a_minute": f"{trend(samples) / scale:.2f}",
                "samples": len(samples),
                "verdict": "flat" if is_flat else f"GROWS ({TOLERANCES[name].reason})",
            })  # fmt: skip
        return rows

    def growing(self) -> list[str]:
        """The series that are not flat."""
        return [f"{row['who']}: {row['what']}" for row in self.rows() if row["verdict"] != "flat"]


def thirds(samples: Sequence[Sample]) -> tuple[float, float]:
    """The medians of the first and the last third of what comes after the warm-up."""
    values = [sample.value for sample in warm(samples)]
    size = max(1, len(values) // 3)
    return median(values[:size]), median(values[-size:])


def trend(samples: Sequence[Sample]) -> float:
    """Growth a minute after the warm-up: the median over pairs of samples that are half of it apart.

    Unlike the line of least squares it is not moved by garbage that some samples found uncollected.
    """
    known = warm(samples)
    pairs = zip(known, known[len(known) // 2 :], strict=False)
    slopes = [60 * (b.value - a.value) / (b.seconds - a.seconds) for a, b in pairs if b.seconds > a.seconds]
    return median(slopes or [0.0])


def warm(samples: Sequence[Sample]) -> Sequence[Sample]:
    """What comes after the warm-up."""
    return samples[int(len(samples) * WARM_UP_SHARE) :]
