"""What the benchmarks say about cost that grows with the work."""
import sys
from pathlib import Path

import pytest

SCRIPTS = str(Path(__file__).resolve().parents[1] / "scripts")


@pytest.fixture(scope="module")
def steeper():
    sys.path.insert(0, SCRIPTS)
    try:
        from slope import steeper
    finally:
        sys.path.remove(SCRIPTS)
    return steeper


@pytest.mark.parametrize("start", [0.0, 3.0, 300.0])
def test_a_straight_line_has_slope_one_whatever_the_start_costs(steeper, start):
    found = steeper("x", {times: start + 0.5 * times for times in (1, 4, 16)}, 0.0)
    assert found.value == pytest.approx(1) and not found.missed and f"start-up {start:.1f} s" in found.note


def test_a_square_is_found_behind_any_start(steeper):
    assert steeper("x", {times: 100 + 0.01 * times**2 for times in (1, 4, 16)}, 0.0).missed
    assert not steeper("x", {times: times**0.5 for times in (1, 4, 16)}, 0.0).missed
