"""What a soak takes for growth, and what for noise."""

import random
from collections.abc import Callable

import pytest

from tests.soak.flatness import MEGABYTE, Samples, trend

START = {"memory": 150 * MEGABYTE, "JS heap": 3 * MEGABYTE, "nodes": 9_600, "listeners": 1_500}
NOISE = {"memory": MEGABYTE, "JS heap": MEGABYTE / 2, "nodes": 60, "listeners": 6}
Growth = Callable[[float], float]


def run(minutes: float, figure: str, growth: Growth) -> Samples:
    """A sample every four seconds of a noisy figure that grows by `growth(minutes)` from where it usually begins."""
    chance = random.Random(7)
    samples = Samples()
    for second in range(0, int(minutes * 60), 4):
        noise = chance.uniform(0, NOISE[figure])
        samples.add("somebody", {figure: START[figure] + noise + growth(second / 60)}, 1_000 + second)
    return samples


@pytest.mark.parametrize("minutes", [1, 10, 60])
@pytest.mark.parametrize("figure", START)
def test_it_takes_noise_for_none(figure: str, minutes: float) -> None:
    assert run(minutes, figure, lambda _: 0).growing() == []


@pytest.mark.parametrize(
    ("figure", "a_minute"), [("memory", 1.3 * MEGABYTE), ("JS heap", 0.07 * MEGABYTE), ("nodes", 120), ("listeners", 6)]
)
def test_it_reports_straight_growth_in_a_run_of_ten_minutes(figure: str, a_minute: float) -> None:
    samples = run(10, figure, lambda minutes: a_minute * minutes)
    assert [who.partition(" MB")[0] for who in samples.growing()] == [f"somebody: {figure}"]


def test_it_reports_growth_that_is_too_slow_for_shares_and_amounts() -> None:
    def growth(minutes: float) -> float:
        return 1.5 * MEGABYTE * minutes

    assert run(9, "memory", growth).growing() == []
    assert run(10, "memory", growth).growing() == ["somebody: memory MB"]


def test_it_lets_a_short_run_keep_what_a_burst_needed() -> None:
    def growth(minutes: float) -> float:
        return 14 * MEGABYTE * (minutes > 0.5)

    assert run(1, "memory", growth).growing() == []
    assert run(1, "memory", lambda minutes: 2 * growth(minutes)).growing() == ["somebody: memory MB"]


def test_it_takes_no_single_step_for_a_trend() -> None:
    assert run(10, "memory", lambda minutes: 4 * MEGABYTE * (minutes > 6)).growing() == []


def test_its_trend_is_growth_a_minute() -> None:
    samples = run(10, "nodes", lambda minutes: 500 * minutes).series["somebody", "nodes"]
    assert trend(samples) == pytest.approx(500, rel=0.02)
