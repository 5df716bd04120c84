"""What rows say about themselves, without any video: norms, signs, repeats, and how crops relate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

# Rows that are looked at; more change nothing.
MOST_ROWS = 3000
# A norm is 1 within this, which float16 reaches.
UNIT_TOLERANCE = 5e-3
# Rows of one video resemble their neighbours more than rows elsewhere; random numbers do not. Both are
# cosines after the mean is subtracted. Measured: random numbers 0.00, MobileNetV2 on clips of fights 0.89,
# C3D on UCF-Crime 0.86.
LEAST_COHERENCE = 0.05
LEAST_PAIRS = 60


@dataclass(frozen=True)
class Structure:
    """What is known of the rows. norms: (least, median, largest). All shares are of rows, unless stated."""

    rows: int
    least: float
    largest: float
    zeros: float  # share of numbers
    norms: tuple[float, float, float]
    standardised: bool
    zero_rows: int
    repeated_rows: int
    repeated_ends: int  # videos whose last row repeats the one before
    coherence: float | None
    crops: CropStructure | None = None
    findings: list[str] = field(default_factory=list)

    @property
    def unit_norm(self) -> bool:
        """Whether all rows but zeros have the L2 norm 1."""
        return abs(self.norms[0] - 1) < UNIT_TOLERANCE and abs(self.norms[2] - 1) < UNIT_TOLERANCE

    @property
    def incoherent(self) -> bool:
        """Whether neighbours are no more alike than other rows; sparse rows of fast videos may be so, too."""
        return self.coherence is not None and self.coherence < LEAST_COHERENCE


@dataclass(frozen=True)
class CropStructure:
    """How the C crops of rows resemble each other.

    equal: every crop holds the same numbers. mirrored: "halves" where crop k + C / 2 resembles k, "pairs" for
    2 k and 2 k + 1, "" for neither. centre: of the first half, the crop most like the others.
    """

    count: int
    equal: bool
    mirrored: str
    centre: int | None


def structure(arrays: Iterable[np.ndarray]) -> Structure:
    """arrays: float32 [N, C, D] of several videos, equal in C and D. Raises ValueError without any row."""
    taken, ends, repeated, adjacent, crops = [], 0, 0, [], []
    budget = MOST_ROWS
    for array in arrays:
        if budget <= 0:
            break
        block = array[: max(budget // array.shape[1], 1)].astype(np.float64)
        budget -= block.shape[0] * block.shape[1]
        crops.append(block)
        first = block[:, 0]
        same = (np.diff(array[:, 0], axis=0) == 0).all(axis=1) & (array[1:, 0] != 0).any(axis=1)
        repeated += int(same.sum())
        ends += bool(len(same) and same[-1])
        taken.append(block.reshape(-1, block.shape[2]))
        adjacent.append(first)
    if not taken or not sum(map(len, taken)):
        raise ValueError("the features have no rows")
    rows = np.concatenate(taken)
    norms = np.linalg.norm(rows, axis=1)
    filled = norms[norms > 0]
    spread = (
        (float(filled.min()), float(np.median(filled)), float(filled.max()))
        if len(filled)
        else (0.0, 0.0, 0.0)
    )
    found = Structure(
        rows=len(rows),
        least=float(rows.min()),
        largest=float(rows.max()),
        zeros=float((rows == 0).mean()),
        norms=spread,
        standardised=_is_standardised(rows),
        zero_rows=int((norms == 0).sum()),
        repeated_rows=repeated,
        repeated_ends=ends,
        coherence=_coherence(adjacent),
        crops=_crops(np.concatenate(crops)) if crops[0].shape[1] > 1 else None,
    )
    found.findings.extend(_findings(found))
    return found


def _is_standardised(rows: np.ndarray) -> bool:
    """Whether each number has mean 0 and deviation 1 over the rows, which must be many."""
    if len(rows) < 100:
        return False
    varying = rows.std(axis=0) > 0
    deviation = rows.std(axis=0)[varying]
    return (
        varying.any()
        and float(np.abs(rows.mean(axis=0)).mean()) < 0.2
        and 0.7 < float(np.median(deviation)) < 1.3
        and float(deviation.std()) < 0.35
        and bool((rows < 0).any())
    )


def _coherence(videos: list[np.ndarray]) -> float | None:
    """How much more alike neighbours are than rows far apart; None for too few rows."""
    pairs = sum(max(len(video) - 1, 0) for video in videos)
    if pairs < LEAST_PAIRS:
        return None
    rows = np.concatenate(videos)
    mean = rows.mean(axis=0)
    near = [_cosines(video[:-1] - mean, video[1:] - mean) for video in videos if len(video) > 1]
    order = np.random.default_rng(0).permutation(len(rows))
    far = _cosines(rows - mean, rows[order] - mean)
    return float(np.concatenate(near).mean() - far[order != np.arange(len(rows))].mean())


def _crops(rows: np.ndarray) -> CropStructure:
    """rows: [R, C, D]."""
    count = rows.shape[1]
    if (rows == rows[:, :1]).all():
        return CropStructure(count, True, "", None)
    centred = rows - rows.mean(axis=(0, 1))
    unit = centred / np.maximum(np.linalg.norm(centred, axis=2, keepdims=True), 1e-12)
    alike = np.einsum("rcd,red->ce", unit, unit) / len(unit)  # [C, C]
    mirrored = ""
    if count % 2 == 0:
        half = count // 2
        for name, partner in (
            ("halves", [(crop + half) % count for crop in range(count)]),
            ("pairs", [crop ^ 1 for crop in range(count)]),
        ):
            own = alike[np.arange(count), partner]
            others = (alike.sum(axis=1) - 1 - own) / max(count - 2, 1)
            if count > 2 and (own > others).all():
                mirrored = name
                break
    size = count // 2 if mirrored == "halves" else count
    part = alike[:size, :size]
    centre = int(np.argmax(part.sum(axis=1))) if size >= 3 else None
    return CropStructure(count, False, mirrored, centre)


def _findings(found: Structure) -> list[str]:
    lines = []
    least, median, largest = found.norms
    if found.unit_norm:
        lines.append("every row has the L2 norm 1: rows were normalised")
    else:
        lines.append(f"L2 norms of rows {least:.4g} to {largest:.4g}, median {median:.4g}: not normalised")
    if found.least >= 0:
        lines.append(
            f"no number is below 0 ({found.zeros:.0%} are 0): a ReLU was the last layer, or came after it"
        )
    else:
        lines.append(f"numbers from {found.least:.3g} to {found.largest:.3g}, of both signs")
    if found.standardised:
        lines.append("each number has mean 0 and deviation 1 over the rows: features were standardised")
    if found.zero_rows:
        lines.append(
            f"{found.zero_rows} of {found.rows} rows are zeros: padding, or frames that were not read"
        )
    if found.repeated_rows:
        ends = f", at the end of {found.repeated_ends} videos" if found.repeated_ends else ""
        lines.append(
            f"{found.repeated_rows} rows repeat the row before{ends}: padded with the last row or frame, "
            "interpolated without weights, or a still picture"
        )
    if found.incoherent:
        lines.append(
            "rows are no more like their neighbours than like others, as in random numbers or shuffled rows"
        )
    return lines + ([] if found.crops is None else _crop_findings(found.crops))


def _crop_findings(crops: CropStructure) -> list[str]:
    if crops.equal:
        return [f"all {crops.count} crops are equal: one crop was copied"]
    lines = []
    if crops.mirrored == "halves":
        lines.append(f"crop k + {crops.count // 2} is most like crop k: the second half is mirrored")
    elif crops.mirrored == "pairs":
        lines.append("crops 2 k and 2 k + 1 are most alike: mirrored crops follow each other")
    if crops.centre is not None:
        lines.append(f"crop {crops.centre} is most like the others: probably the centre")
    return lines


def _cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    sizes = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return (one * other).sum(axis=1) / np.maximum(sizes, 1e-12)
