"""Counts by step and video: their running sums over draws are those of a plain table, and exact."""

import numpy as np
import pytest

from score.metrics.step_counts import StepCounts, exact_weights


def some_counts(steps: int, videos: int, entries: int = 200) -> tuple[StepCounts, np.ndarray]:
    """(counts, the same as a table [S, V])."""
    random = np.random.default_rng(steps + videos)
    step, video = random.integers(0, steps, entries), random.integers(0, videos, entries)
    count = random.integers(1, 1000, entries)
    table = np.zeros((steps, videos), dtype=np.int64)
    for row, column, each in zip(step, video, count, strict=True):
        table[row, column] += each
    return StepCounts.of(step, video, count, steps=steps), table


@pytest.mark.parametrize("largest", [0, 1e12], ids=["float32", "float64"])
@pytest.mark.parametrize("steps, videos", [(1, 1), (7, 3), (40, 90)])
def test_sums_are_those_of_the_table_down_to_each_step(steps, videos, largest):
    counts, table = some_counts(steps, videos)
    draws = np.random.default_rng(0).integers(0, 4, size=(5, videos))
    weights = exact_weights(draws, largest)
    expected = np.concatenate([np.zeros((1, 5)), np.cumsum(table @ draws.T, axis=0)])
    assert weights.dtype == (np.float64 if largest else np.float32)
    assert np.array_equal(counts.sums(weights), expected)
    middle = steps // 2  # in two parts
    upper = counts.sums(weights, last=middle)
    lower = counts.sums(weights, upper[-1], first=middle)
    assert np.array_equal(np.concatenate([upper[:-1], lower]), expected)


def test_a_sum_beyond_the_whole_numbers_of_float32_is_exact():
    count = np.array([(1 << 24) - 1, 1, 1])
    counts = StepCounts.of(np.arange(3), np.zeros(3, int), count, steps=3)
    weights = exact_weights(np.ones((1, 1), int), count.sum())
    assert counts.sums(weights)[:, 0].tolist() == [0, 2**24 - 1, 2**24, 2**24 + 1]


def test_counts_among_some_videos_are_those_of_their_columns():
    counts, table = some_counts(12, 9)
    chosen = np.array([8, 0, 3])
    place = np.full(9, -1)
    place[chosen] = np.arange(3)
    draws = np.random.default_rng(1).integers(0, 4, size=(6, 3))
    expected = np.cumsum(table[:, chosen] @ draws.T, axis=0)
    assert np.array_equal(counts.among(place).sums(exact_weights(draws, 1e6))[1:], expected)


def test_without_counts_all_sums_stay_where_they_began():
    nothing = np.zeros(0, dtype=np.int64)
    counts = StepCounts.of(nothing, nothing, nothing, steps=2)
    assert counts.sums(np.ones((4, 3)), np.full(3, 5.0)).tolist() == [[5.0] * 3] * 3
    assert StepCounts.of(nothing, nothing, nothing, steps=0).sums(np.ones((4, 3))).tolist() == [[0.0] * 3]
