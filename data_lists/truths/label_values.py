"""A row of numbers as labels per frame: 0 normal, 1 anomalous, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np


def labels_of(values: Any) -> np.ndarray:
    """uint8 [F] from real numbers of shape [F], [1, F] or [F, 1]. Raises ValueError for anything else."""
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise ValueError("holds values that are not numbers, expected 0 and 1")
    shape = list(array.shape)
    if array.ndim == 3:
        raise ValueError(f"has shape {shape}, expected a label per frame; for pixel masks see --masks")
    if array.ndim == 0 or array.size != max(array.shape):
        raise ValueError(
            f"has shape {shape}, expected one row of labels [frames]; give each annotator a file of its own"
        )
    row = array.reshape(-1)
    if not len(row):
        raise ValueError("holds no label")
    wrong = np.flatnonzero((row != 0) & (row != 1))
    if len(wrong):
        raise ValueError(f"holds {row[wrong[0]]:g} at position {wrong[0]}, expected only 0 and 1")
    return row.astype(np.uint8)
