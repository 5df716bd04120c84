"""Arrays of other people as float32 [N, C, D]: which axis counts rows, crops and numbers."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

ORDERS = ("NCD", "CND", "NDC", "CDN", "DNC", "DCN")
MANY_CROPS, FEW_CROPS = (5, 10), (1, 2, 3, 5, 10)
MOST_CROPS = 10


def oriented(array: np.ndarray, axes: str | None, possible: Collection[int] | None) -> np.ndarray:
    """The array as [N, C, D], N rows, C crops and D numbers each.

    array: [N, D] or [N, C, D]. axes: one of ORDERS, without C for two axes; None = NCD without axes of length
    1 behind it, and an array that looks like another order is refused. possible: the numbers of rows that
    fit the video, None if any does. Raises ValueError.
    """
    if axes is None:
        array = _pooled(array)
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise ValueError(f"features have shape {list(array.shape)}, expected [N, D] or [N, C, D]")
    order = axes or "NCD"
    if array.ndim == 2:
        order = order.replace("C", "")
    if axes is None and (better := _looks_like(array.shape, possible)):
        raise ValueError(
            f"features have shape {list(array.shape)}, which looks like {better} (N rows, C crops, "
            f"D numbers) and not like {order}; say which it is with --axes {_full(better)} or --axes NCD"
        )
    rows = array.transpose([order.index(axis) for axis in "NCD" if axis in order])
    return rows[:, None] if array.ndim == 2 else rows


def as_float32(rows: np.ndarray) -> np.ndarray:
    """Finite numbers as float32. Raises ValueError for other types, NaN, and what float32 cannot hold."""
    if rows.dtype.kind not in "fiu":
        raise ValueError(f"features are of dtype {rows.dtype}, expected numbers")
    with np.errstate(over="ignore", invalid="ignore"):
        numbers = rows.astype(np.float32)
    if bad := rows.size - int(np.isfinite(numbers).sum()):
        beyond = bad - (rows.size - int(np.isfinite(rows).sum()))
        if beyond:
            raise ValueError(f"{beyond} of {rows.size} values are beyond float32 (3.4e38)")
        raise ValueError(f"{bad} of {rows.size} values are NaN or infinite")
    return numbers


def _pooled(array: np.ndarray) -> np.ndarray:
    """Without the axes behind that pooling left, as in [N, D, 1, 1, 1]; D is never 1, and C never large."""
    if array.ndim > 3 or (array.ndim == 3 and array.shape[1] > MOST_CROPS):
        while array.ndim > 2 and array.shape[-1] == 1:
            array = array[..., 0]
    return array


def _looks_like(shape: tuple[int, ...], possible: Collection[int] | None) -> str | None:
    """The order that an array seems to have, if it is not N, then C, then D."""
    if len(shape) == 2:
        return "DN" if possible is not None and shape[0] not in possible and shape[1] in possible else None
    first, second, third = shape
    if possible is not None and first not in possible:
        fitting = [axis for axis in (1, 2) if shape[axis] in possible]
        if not fitting:
            return None  # no order fits the video
        if fitting[0] == 1:
            return "CND" if first <= MOST_CROPS or third > MOST_CROPS else "DNC"
        return "CDN" if first <= MOST_CROPS else "DCN"
    if first in MANY_CROPS and second not in FEW_CROPS and (possible is None or second in possible):
        return "CND"
    return "CND" if possible is None and second > MOST_CROPS else None


def _full(order: str) -> str:
    return order if len(order) == 3 else next(each for each in ORDERS if each.replace("C", "") == order)
