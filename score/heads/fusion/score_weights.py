"""Weights of several scores of the same videos, chosen by labelled videos."""

from __future__ import annotations

import numpy as np

from score.metrics import Curve

ROUNDS = 20  # scores that are averaged, so weights are multiples of 1/20


def weights_by_auc(scores: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Weights [M] that sum to 1 for scores [V, M] in [0, 1] of videos with labels [V].

    Forward selection with replacement (Caruana et al., ICML 2004): the average begins with all scores, each
    once, and takes one after another whichever gives the highest AUC, on a tie the one taken least often.
    Equal weights with videos of one class.
    """
    taken = np.ones(scores.shape[1], dtype=int)
    if 0 < label.sum() < len(label):
        best, best_taken = _auc(scores, taken, label), taken
        for _ in range(ROUNDS - len(taken)):
            candidates = [taken + row for row in np.eye(len(taken), dtype=int)]
            found = [_auc(scores, each, label) for each in candidates]
            place = max(range(len(taken)), key=lambda each: (found[each], -taken[each]))
            taken = candidates[place]
            if found[place] > best:
                best, best_taken = found[place], taken
        taken = best_taken
    return (taken / taken.sum()).astype(np.float32)


def _auc(scores: np.ndarray, taken: np.ndarray, label: np.ndarray) -> float:
    # Rounded, so that scores that are equal but for their last bits tie.
    value = Curve.of(label, (scores * taken).sum(axis=1) / taken.sum()).auc().value
    return round(float(value or 0.0), 12)
