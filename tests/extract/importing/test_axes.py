"""Arrays become [N, C, D] by the order that they have; what looks like another order is refused."""

import itertools
import warnings

import numpy as np
import pytest

from extract.importing.axes import ORDERS, as_float32, oriented

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("order", ORDERS)
def test_every_order_of_axes_gives_the_same_rows(order):
    rows = RNG.normal(size=(4, 3, 6))
    given = rows.transpose(["NCD".index(axis) for axis in order])
    assert np.array_equal(oriented(given, order, None), rows)
    two = [axis for axis in order if axis != "C"]
    given = rows[:, 0].transpose(["ND".index(axis) for axis in two])
    assert np.array_equal(oriented(given, order, None), rows[:, :1])


@pytest.mark.parametrize(
    "shape, expected",
    [
        ((5, 8, 1, 1, 1), (5, 1, 8)),
        ((5, 64, 1), (5, 1, 64)),
        ((5, 2, 8, 1), (5, 2, 8)),
        ((5, 2, 1), (5, 2, 1)),
    ],
)
def test_axes_that_pooling_leaves_are_dropped(shape, expected):
    assert oriented(np.zeros(shape), None, None).shape == expected


@pytest.mark.parametrize(
    "shape, possible, better",
    [
        ((10, 45, 64), None, "CND"),
        ((10, 8, 64), None, "CND"),
        ((1, 45, 64), None, "CND"),
        ((45, 32, 64), None, "CND"),
        ((10, 45, 64), [45, 46], "CND"),
        ((10, 9, 64), [9, 10], "CND"),
        ((10, 64, 45), [45], "CDN"),
        ((64, 10, 45), [45], "DCN"),
        ((64, 45), [45], "DN"),
        ((10, 32, 64), [32], "CND"),
    ],
)
def test_an_array_that_looks_like_another_order_is_refused_until_the_user_says_so(shape, possible, better):
    with pytest.raises(ValueError, match=f"looks like {better} .*--axes ") as error:
        oriented(np.zeros(shape), None, possible)
    advised = str(error.value).split("--axes ")[1].split()[0]
    assert oriented(np.zeros(shape), advised, possible).shape[0] in (possible or shape[1:2])
    assert oriented(np.zeros(shape), "NCD", possible).shape[0] == shape[0]


@pytest.mark.parametrize("possible", [None, [4, 5], [5]])
@pytest.mark.parametrize("crops", [None, 1, 5, 10])
def test_rows_first_is_taken_as_it_is(possible, crops):
    shape = (5, 64) if crops is None else (5, crops, 64)
    assert oriented(np.zeros(shape), None, possible).shape == (5, crops or 1, 64)


def test_numbers_that_float32_cannot_hold_are_counted_without_a_warning():
    for bad, count in itertools.product((np.nan, np.inf, 1e39), (1, 3)):
        rows = np.ones((2, 2, 2))
        rows.reshape(-1)[:count] = bad
        with (
            warnings.catch_warnings(),
            pytest.raises(ValueError, match=f"{count} of 8 values are {'beyond' if bad == 1e39 else 'NaN'}"),
        ):
            warnings.simplefilter("error")
            as_float32(rows)
