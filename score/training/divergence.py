"""The error for a training that diverges, whichever line meets the first NaN."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Protocol

import torch
from torch import Tensor

from score.heads.base import Head, HeadOutput


class TrainingDiverged(ValueError):
    """The loss, the weights or the scores are not finite."""


class NotFinite(ArithmeticError):
    """Scores are NaN or infinite."""


class Trained(Protocol):
    """What the message names."""

    seed: int
    epoch: int
    head: Head


def are_finite(values: Iterable[Tensor]) -> bool:
    """Whether no value is NaN or infinite; waits for the device."""
    return all(bool(torch.isfinite(each).all()) for each in values)


def diverged(training: Trained, found: str) -> TrainingDiverged:
    """The error. found: what is not finite, in words."""
    return TrainingDiverged(
        f"training of seed {training.seed} diverged in epoch {training.epoch} ({found}); "
        "try a lower train.optimizer.lr, train.optimizer.clip_norm=1 or data.standardise=feature"
    )


def check_scores(output: HeadOutput) -> None:
    """Raise NotFinite for scores that are not finite.

    On a GPU the end of the epoch finds out, because asking would wait for every batch.
    """
    if output.video_score.device.type == "cpu" and not are_finite((output.video_score, output.segment_score)):
        raise NotFinite("scores are NaN or infinite")


@contextlib.contextmanager
def noticing_divergence(training: Trained) -> Iterator[None]:
    """Raise TrainingDiverged for NotFinite, and for errors of any function that cannot take NaN."""
    try:
        yield
    except NotFinite as error:
        raise diverged(training, str(error)) from error
    except (RuntimeError, ValueError, IndexError, ArithmeticError) as error:
        # Errors with finite weights have other causes, such as too little memory.
        if isinstance(error, TrainingDiverged) or are_finite(training.head.parameters()):
            raise
        raise diverged(training, "weights are NaN or infinite") from error
