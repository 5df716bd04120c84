"""ROC AUC as a plain number, for experiments whose videos have both classes."""

from __future__ import annotations

import numpy as np

from score.metrics import roc_auc


def defined_auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """ROC AUC of scores [N] against labels [N] in {0, 1}; ValueError if one class is missing."""
    found = roc_auc(labels, scores)
    if found.value is None:
        raise ValueError(f"the ROC AUC is undefined: {found.reason}")
    return found.value
