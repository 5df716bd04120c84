"""Classification of videos: class probabilities, confusion matrix, accuracy, precision, recall and F1."""

from __future__ import annotations

import numpy as np

from score.metrics.ranking import Measure

# Share of a video's segments that decides its class, as when the multitask head is trained.
ANOMALOUS_SHARE = 0.25


def confusion_matrix(true: np.ndarray, predicted: np.ndarray, *, num_classes: int) -> np.ndarray:
    """How many videos of each true class (row) were predicted each class (column): int64 [K, K].

    true, predicted: int [V] in [0, K). Raises ValueError for others.
    """
    true, predicted = np.asarray(true, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    if true.shape != predicted.shape or true.ndim != 1:
        raise ValueError(
            f"true classes have shape {list(true.shape)}, predicted classes {list(predicted.shape)}"
        )
    for values in (true, predicted):
        if len(values) and not 0 <= values.min() <= values.max() < num_classes:
            raise ValueError(f"classes are {values.min()} to {values.max()}, expected 0 to {num_classes - 1}")
    cells = np.bincount(true * num_classes + predicted, minlength=num_classes * num_classes)
    return cells.reshape(num_classes, num_classes)


def class_accuracy(confusion: np.ndarray) -> Measure:
    """The share of videos whose class was predicted."""
    total = int(confusion.sum())
    return Measure(float(np.trace(confusion)) / total) if total else Measure(None, "there is no video")


def class_rates(confusion: np.ndarray) -> dict[str, list[float | None]]:
    """precision, recall and f1 of each of K classes; None if no video has the class or is predicted to."""
    right, predicted, true = np.diag(confusion), confusion.sum(axis=0), confusion.sum(axis=1)
    pairs = {"precision": (right, predicted), "recall": (right, true), "f1": (2 * right, predicted + true)}
    return {
        name: [float(a / b) if b else None for a, b in zip(above, below, strict=True)]
        for name, (above, below) in pairs.items()
    }


def macro_f1(confusion: np.ndarray) -> Measure:
    """The mean F1 over the classes that some video has or is predicted to have."""
    defined = [value for value in class_rates(confusion)["f1"] if value is not None]
    return Measure(float(np.mean(defined))) if defined else Measure(None, "there is no video")


def video_class_probability(segments: np.ndarray) -> np.ndarray:
    """Class probabilities of a video, [K], from those of its segments, [N, K].

    The mean of the quarter of them that are least Normal (column 0), because an event is a small part of a
    video.
    """
    count = max(1, int(np.ceil(ANOMALOUS_SHARE * len(segments))))
    return segments[np.argsort(segments[:, 0], kind="stable")[:count]].mean(axis=0)
