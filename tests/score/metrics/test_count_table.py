"""Tables of counts: small and large ones hold the same numbers."""

import numpy as np
import pytest

from score.metrics import count_table as module
from score.metrics.count_table import count_table


@pytest.mark.parametrize("most", [0, 1 << 16], ids=["sparse", "dense"])
@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (40, 90)])
def test_products_add_what_fell_into_each_cell(shape, most, monkeypatch):
    monkeypatch.setattr(module, "MOST_DENSE", most)
    random = np.random.default_rng(sum(shape))
    rows, columns = (random.integers(0, size, size=200) for size in shape)
    counts = random.integers(1, 1000, size=200)
    table = count_table(counts, rows, columns, shape=shape)
    weights = random.integers(0, 9, size=(shape[1], 5)).astype(float)
    expected = np.zeros((shape[0], 5))
    for row, column, count in zip(rows, columns, counts, strict=True):
        expected[row] += count * weights[column]
    assert isinstance(table, np.ndarray) == bool(most)
    assert np.array_equal(table @ weights, expected)
    assert np.array_equal(table @ weights[:, 0], expected[:, 0])


def test_a_table_without_rows_gives_no_numbers():
    nothing = np.zeros(0, dtype=np.int64)
    assert (count_table(nothing, nothing, nothing, shape=(0, 4)) @ np.ones(4)).shape == (0,)
