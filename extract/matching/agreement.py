"""How well rows that were computed here agree with rows of somebody else, and what was done to theirs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Rows agree as two runs of one program on two machines do.
SAME, SAME_CENTRED = 0.9999, 0.99
# Rows agree as two decoders, resize filters or versions of a library do. After the mean is subtracted others
# are below: MobileNetV2 against EfficientNet-Lite0 0.06, one network of random weights on other videos 0.77.
FITS, FITS_CENTRED = 0.98, 0.95
# Without enough rows to subtract a mean, only nearly equal rows prove anything.
FITS_ALONE = 0.999
# Nothing better needs to be looked for; float16 reaches it.
EXACT, EXACT_CENTRED = 0.999995, 0.9999
# A mean or a deviation was taken out: then only what is left can agree.
FITS_SHIFTED = 0.95
LEAST_FOR_CENTRED, LEAST_FOR_NUMBERS = 3, 6
# Of hypotheses that both agree, the later one must have less than this part of the earlier one's distance:
# tables begin with what is plain, and decoders alone make rows differ by more than the rest.
PART_OF_DISTANCE = 0.8
SCALE_TOLERANCE = 0.02

# What may be done to rows after the network -> what it does to ours, [R, D] -> [R, D].
AFTERWARDS = {
    "as the network gives them": lambda rows: rows,
    "L2-normalised": lambda rows: rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12),
    "ReLU (negative numbers are 0)": lambda rows: np.maximum(rows, 0),
}
PLAIN = "as the network gives them"


@dataclass(frozen=True)
class Agreement:
    """Of R compared rows. Every number is 1 for equal rows.

    cosine: the median over rows. centred: the cosine of all rows together after each side's mean row is
    subtracted, None for fewer than 3 rows. numbers: the median correlation over rows of a single number of a
    feature, None for fewer than 6. scale: median of their norm by ours.
    """

    rows: int
    cosine: float
    centred: float | None
    numbers: float | None
    scale: float
    afterwards: str = PLAIN

    @property
    def verdict(self) -> str:
        """same: like the same program elsewhere. close: another decoder, filter or version. none."""
        if self.shifted:
            return "close"
        if self.centred is None:
            return "same" if self.cosine >= EXACT else "close" if self.cosine >= FITS_ALONE else "none"
        if self.cosine >= SAME and self.centred >= SAME_CENTRED:
            return "same"
        return "close" if self.cosine >= FITS and self.centred >= FITS_CENTRED else "none"

    @property
    def settled(self) -> bool:
        """Whether only the decoder or the filter of a resize can still differ: no other scaling, colour order
        or view of a network came near.
        """
        return self.verdict == "same" and not self.shifted

    @property
    def pixels_fit(self) -> bool:
        """Whether no other filter of a resize need be tried: what is left is the decoder's rounding."""
        return self.settled and (self.centred or 0.0) >= EXACT_CENTRED

    @property
    def exact(self) -> bool:
        """Whether the rows are equal up to the last bits."""
        if self.shifted:
            return max(self.centred or 0.0, self.numbers or 0.0) >= EXACT_CENTRED
        return self.cosine >= EXACT and (1.0 if self.centred is None else self.centred) >= EXACT_CENTRED

    @property
    def shifted(self) -> str:
        """What was taken out of every number, where cosines alone do not agree."""
        if self.cosine >= FITS and (self.centred or 0.0) >= FITS_CENTRED:
            return ""
        if self.centred is not None and self.rows >= LEAST_FOR_NUMBERS and self.centred >= FITS_SHIFTED:
            return "a mean row was subtracted"
        if self.numbers is not None and self.numbers >= FITS_SHIFTED:
            return "each number was standardised, or scaled between its extremes"
        return ""

    @property
    def rank(self) -> float:
        """Larger is better; comparable between hypotheses about the same rows."""
        if self.centred is None:
            return 9 * (self.cosine - 0.9)  # 0.9 for equal rows: fewer rows prove less
        return max(self.centred, (self.numbers or 0.0) - 0.02)

    def beats(self, earlier: Agreement) -> bool:
        """Whether this is better than what a plainer hypothesis has, by more than decoders explain."""
        if not earlier.settled or (self.centred is None) != (earlier.centred is None):
            return self.rank > earlier.rank
        most = 0.9 if self.centred is None else 1.0
        return most - self.rank < PART_OF_DISTANCE * (most - earlier.rank)

    def words(self) -> str:
        """Such as "L2-normalised", with the scale."""
        parts = [] if self.afterwards == PLAIN else [self.afterwards]
        if self.shifted:
            parts.append(self.shifted)
        elif abs(self.scale - 1) > SCALE_TOLERANCE and self.afterwards != "L2-normalised":
            parts.append(f"multiplied by {self.scale:.4g}")
        return ", ".join(parts) or PLAIN


def agreement(ours: np.ndarray, theirs: np.ndarray, *, unit_norm: bool, non_negative: bool) -> Agreement:
    """The best agreement over AFTERWARDS. ours, theirs: [R, D]. unit_norm, non_negative: theirs."""
    tried = [PLAIN]
    if unit_norm:
        tried.insert(0, "L2-normalised")
    if non_negative and bool((ours < 0).any()):
        tried.append("ReLU (negative numbers are 0)")
    found = [
        _agreement(AFTERWARDS[name](ours.astype(np.float64)), theirs.astype(np.float64), name)
        for name in tried
    ]
    return max(found, key=lambda each: each.rank)


def row_cosines(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Cosines of rows, [R, D] each -> [R]."""
    sizes = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    return (ours * theirs).sum(axis=1) / np.maximum(sizes, 1e-12)


def _agreement(ours: np.ndarray, theirs: np.ndarray, afterwards: str) -> Agreement:
    usable = np.linalg.norm(theirs, axis=1) > 0
    if not usable.any():
        return Agreement(0, 0.0, None, None, 0.0, afterwards)
    ours, theirs = ours[usable], theirs[usable]
    norms = np.maximum(np.linalg.norm(ours, axis=1), 1e-12)
    scale = float(np.median(np.linalg.norm(theirs, axis=1) / norms))
    centred = numbers = None
    if len(ours) >= LEAST_FOR_CENTRED:
        one, other = ours - ours.mean(axis=0), theirs - theirs.mean(axis=0)
        sizes = np.linalg.norm(one) * np.linalg.norm(other)
        centred = float((one * other).sum() / sizes) if sizes > 0 else 0.0
        if len(ours) >= LEAST_FOR_NUMBERS:
            numbers = _correlation(one, other)
    return Agreement(
        len(ours), float(np.median(row_cosines(ours, theirs))), centred, numbers, scale, afterwards
    )


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """The median over numbers of the correlation over rows. one, other: centred."""
    sizes = np.linalg.norm(one, axis=0) * np.linalg.norm(other, axis=0)
    varying = sizes > 1e-12
    if not varying.any():
        return 0.0
    return float(np.median((one * other).sum(axis=0)[varying] / sizes[varying]))
