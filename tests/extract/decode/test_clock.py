"""Times of frames: finite, ascending, and repaired by the stated rules."""

import math

import pytest

from extract.decode.readers.clock import Clock

NAN = math.nan
EVEN = [number / 25 for number in range(8)]


def times_of(raw, fps=25.0):
    clock = Clock(fps)
    return [clock.times(each, each + 1 / fps)[0] for each in raw], clock


@pytest.mark.parametrize(
    "raw",
    [EVEN, [5 + each for each in EVEN], [0, 0.1, 0.15, 5.0, 5.01], [-0.04, 0.0, 0.04]],
    ids=["even", "late start", "variable rate", "before zero"],
)
def test_a_clock_that_is_right_is_kept(raw):
    times, clock = times_of(raw)
    assert times == pytest.approx(raw) and clock.repairs() == ""


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ([2 + each for each in EVEN] + EVEN, "1 jumps taken out, the first of -2.3 s before frame 8"),
        (EVEN + [36000 + each for each in EVEN], "1 jumps taken out, the first of 35999.7 s before frame 8"),
        ([NAN] * 16, "16 frames without a time"),
        ([9.2e15 + each for each in range(16)], "16 frames without a time"),
        (EVEN + [math.inf] + [each + 0.36 for each in EVEN[:7]], "1 frames without a time"),
        (
            [0, 0.08, 0.04, 0.12, 0.2, 0.16, 0.24, 0.32, 0.28] + EVEN[:7],
            "from frame 2 on 25 frames per second",
        ),
        ([NAN] * 8 + [7000 + each for each in EVEN], "8 frames without a time"),
    ],
    ids=[
        "begins again",
        "jumps ahead",
        "no times",
        "impossible",
        "one impossible",
        "wrong order",
        "late clock",
    ],
)
def test_a_wrong_clock_gives_times_of_the_nominal_rate_and_says_so(raw, said):
    times, clock = times_of(raw)
    steps = [after - before for before, after in zip(times, times[1:], strict=False)]
    assert len(times) == 16 and all(each > 0 for each in steps)
    # Each repair continues at the nominal rate, so 16 frames last about 16 / 25 s.
    assert sum(steps) == pytest.approx(15 / 25, abs=0.05)
    assert said in clock.repairs()


def test_waits_of_a_slow_camera_are_no_jumps():
    raw = [30.0 * number for number in range(6)]  # a picture every half minute
    times, clock = times_of(raw, fps=1 / 30)
    assert times == raw and not clock.repairs()


def test_impossible_durations_become_a_frame_of_the_nominal_rate():
    clock = Clock(25.0)
    for end in (NAN, 0.0, -1.0, 1e15):
        start, stop = clock.times(clock._frames / 25, end)
        assert stop - start == pytest.approx(1 / 25)
