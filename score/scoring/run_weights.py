"""How much each of several runs counts in their mean: given, equal, or chosen on validation videos."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

AUTO, EQUAL = "auto", "equal"
MOST_RUNS = 8
MOST_CHOICES = 300  # weights that are compared
DRAWS = 200
MOST_VIDEOS = 500  # of each class; more would only cost time


def parse_weights(text: str, runs: int) -> tuple[float, ...] | None:
    """The weights of --run-weights, adding up to 1; None for auto. Raises ValueError."""
    if text == AUTO:
        return None
    if text == EQUAL:
        return (1 / runs,) * runs
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(
            f"--run-weights {text}: expected auto, equal, or a number per run as 0.7,0.3"
        ) from None
    if len(values) != runs:
        raise ValueError(f"--run-weights {text}: {len(values)} weights for {runs} runs")
    if not all(math.isfinite(value) and value >= 0 for value in values) or not sum(values) > 0:
        raise ValueError(f"--run-weights {text}: expected numbers of 0 and above, and not 0 alone")
    shares = [value / max(values) for value in values]  # their sum is finite
    return tuple(share / sum(shares) for share in shares)


def choose_weights(ranks: Sequence[np.ndarray], anomalous: np.ndarray, *, seed: int = 0) -> tuple[float, ...]:
    """Weights by the AUC of the weighted mean of video ranks on validation videos, adding up to 1.

    ranks: of each of M runs, [S, V] for S seeds. anomalous: bool [V]. The best weights on a few dozen videos
    are mostly luck, so they are chosen on DRAWS draws of the videos, and the weights are the mean of these
    choices: near equal where the videos decide little, near 0 for a run that adds nothing. Raises ValueError
    for videos of one class.
    """
    positives, negatives = (_some(np.flatnonzero(flags)) for flags in (anomalous, ~anomalous))
    if not len(positives) or not len(negatives):
        kind = "anomalous" if len(positives) else "normal"
        raise ValueError(
            f"--run-weights auto: all {len(anomalous)} videos that validated every run are {kind}; give the "
            "weights, or use equal"
        )
    choices = weight_grid(len(ranks))
    random = np.random.default_rng(seed)
    drawn = [
        random.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=DRAWS).astype(np.float64)
        for rows in (positives, negatives)
    ]  # how often each draw has each video, [DRAWS, P] and [DRAWS, N]
    auc = np.empty((len(choices), DRAWS))
    stacked = np.asarray(ranks)  # [M, S, V]
    for place, weights in enumerate(choices):
        mean = np.tensordot(weights, stacked, axes=1)  # [S, V]
        # Rounding must not make an order out of ties.
        above = np.round(mean[:, positives, None] - mean[:, None, negatives], 12)
        ordered = ((above > 0) + 0.5 * (above == 0)).mean(axis=0)  # [P, N]
        auc[place] = np.einsum("dp,pn,dn->d", drawn[0], ordered, drawn[1], optimize=True)
    best = auc >= auc.max(axis=0) - 1e-9 * len(positives) * len(negatives)
    # Among equally good choices all count alike.
    chosen = (best / best.sum(axis=0)).mean(axis=1) @ choices
    return tuple((chosen / chosen.sum()).tolist())


def weight_grid(runs: int) -> np.ndarray:
    """All weights in steps of 1/n that add up to 1, [G, runs], with the finest n that gives few enough."""
    steps = max(n for n in range(1, 21) if math.comb(n + runs - 1, runs - 1) <= MOST_CHOICES)
    bars = itertools.combinations(range(steps + runs - 1), runs - 1)
    edges = np.array([(-1, *each, steps + runs - 1) for each in bars])
    return (np.diff(edges, axis=1) - 1) / steps


def _some(places: np.ndarray) -> np.ndarray:
    if len(places) <= MOST_VIDEOS:
        return places
    return places[np.linspace(0, len(places) - 1, MOST_VIDEOS).round().astype(int)]
