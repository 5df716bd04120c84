"""Times of frames: finite, ascending, and repaired by the stated rules."""

import math

import pytest

from extract.decode.readers.clock import Clock

NAN = math.nan
EVEN = [number / 25 for number in range(8)]


def times_of(raw, fps=25.0):
    clock = Clock(fps)
    after = [*raw[1:], NAN]
    return [
        clock.times(each, each + 1 / fps, later)[0] for each, later in zip(raw, after, strict=True)
    ], clock


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


@pytest.mark.parametrize("fps", [1 / 30, 25.0])  # headers of slow cameras may say anything
@pytest.mark.parametrize(
    "raw",
    [[30.0 * number for number in range(6)], [0, 17, 29, 41, 59], [*EVEN, 12.3, 27.3, 38.3, 38.34]],
    ids=["every half minute", "uneven", "for a while"],
)
def test_waits_of_a_slow_camera_are_no_jumps(raw, fps):
    times, clock = times_of(raw, fps=fps)
    assert times == raw and not clock.repairs()


@pytest.mark.parametrize("pause", [11.0, 3600.0])
def test_a_single_pause_is_a_jump_wherever_it_is(pause):
    for place in range(1, 8):
        raw = [each + (pause if number >= place else 0) for number, each in enumerate(EVEN)]
        times, clock = times_of(raw)
        assert times == pytest.approx(EVEN) and clock.num_jumps == 1


def test_waits_of_an_hour_are_jumps_even_in_a_row():
    times, clock = times_of([0.0, 3600.0, 7200.0, 10800.0])
    assert times == pytest.approx(EVEN[:4]) and clock.num_jumps == 3


def test_impossible_durations_become_a_frame_of_the_nominal_rate():
    clock = Clock(25.0)
    for end in (NAN, 0.0, -1.0, 1e15):
        start, stop = clock.times(clock._frames / 25, end)
        assert stop - start == pytest.approx(1 / 25)
