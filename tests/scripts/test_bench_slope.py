"""What the benchmarks say about cost that grows with the work."""

import pytest

from scripts.benchmarks.harness.rounds import Sample
from scripts.benchmarks.harness.slope import steeper


def rounds_of(*curves):
    """A round a curve: seconds at a size of the work."""
    return [{f"{times}x": Sample(curve(times), 0.0) for times in (16, 1, 4)} for curve in curves]


@pytest.mark.parametrize("start", [0.0, 3.0, 300.0])
def test_a_straight_line_has_slope_one_whatever_the_start_costs(start):
    found = steeper("x", rounds_of(lambda times: start + 0.5 * times))
    assert found.value == pytest.approx(1) and not found.missed and f"start-up {start:.1f} s" in found.note


def test_a_square_is_found_behind_any_start():
    assert steeper("x", rounds_of(lambda times: 100 + 0.01 * times**2)).missed
    assert not steeper("x", rounds_of(lambda times: times**0.5)).missed


def test_one_odd_round_of_three_decides_nothing():
    found = steeper("x", rounds_of(lambda times: times, lambda times: times**2, lambda times: 2 + times))
    assert found.value == pytest.approx(1) and found.high >= 4 and found.rounds == 3
