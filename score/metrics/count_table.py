"""Counts by row and column, such as frames by score and video; whole numbers, whose sums are exact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Union

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_array

CountTable = Union[np.ndarray, "csr_array"]
MOST_DENSE = 1 << 16  # cells; a larger table is mostly zeros


def count_table(
    counts: np.ndarray, rows: np.ndarray, columns: np.ndarray, *, shape: tuple[int, int]
) -> CountTable:
    """A table [K, V] for products with weights [V] or [V, r]; counts of one cell add up.

    counts, rows, columns: [N] each. A small table is an array, because scipy's import takes longer
    than all of its products; a large one is sparse.
    """
    if shape[0] * shape[1] <= MOST_DENSE:
        table = np.zeros(shape)
        np.add.at(table, (rows, columns), counts)
        return table
    from scipy.sparse import csr_array

    return csr_array((counts.astype(np.float64), (rows, columns)), shape=shape)
