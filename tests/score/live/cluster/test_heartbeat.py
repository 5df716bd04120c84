"""When an actor counts as hung: soon on a machine that answers soon, later on a slow one, never too late."""

import pytest

from score.live.cluster.heartbeat import FEW, LEAST_SECONDS, MINUTE, MOST_SECONDS, TIMES, Heartbeat


def answered(late: float, *, count: int = FEW, now: float = 0.0) -> Heartbeat:
    beat = Heartbeat()
    for number in range(count):
        beat.answered(now + number / FEW, late)
    return beat


def silent(beat: Heartbeat, *, look: float = 0.1) -> float:
    """Seconds of looks until it counts as hung."""
    seconds = 0.0
    while not beat.is_hung:
        beat.looked(look)
        seconds += look
    return seconds


@pytest.mark.parametrize(
    "late, expected",
    [(0.01, LEAST_SECONDS), (0.5, TIMES * 0.5), (5.0, MOST_SECONDS)],
)
def test_the_limit_follows_how_late_answers_are_between_its_bounds(late, expected):
    assert silent(answered(late)) == pytest.approx(expected, abs=0.11)


def test_a_new_actor_has_the_longest_limit():
    assert silent(answered(0.01, count=FEW - 1)) == pytest.approx(MOST_SECONDS, abs=0.11)


def test_one_late_answer_counts_for_a_minute():
    beat = answered(0.01)
    beat.answered(1.0, 0.6)
    beat.answered(2.0, 0.01)
    assert beat.limit == pytest.approx(TIMES * 0.6)
    beat.answered(1.0 + MINUTE + 0.1, 0.01)
    assert beat.limit == LEAST_SECONDS


def test_an_answer_ends_the_silence():
    beat = answered(0.01)
    beat.looked(0.4)
    beat.looked(0.4)
    assert beat.silence == pytest.approx(0.8)
    beat.answered(5.0, 0.01)
    assert beat.silence == 0.0


def test_a_driver_that_was_held_up_blames_nobody():
    """An hour passed between two looks, as of a computer that slept."""
    beat = answered(0.01)
    beat.looked(3600.0)
    assert not beat.is_hung and beat.silence <= 0.5
