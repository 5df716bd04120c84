"""Protocols of published code, by name. Their numbers stand apart from the plain ones.

Those of one-class code are higher: min-max normalisation of each test video needs the whole video, so its own
future, and gives a video without any anomaly a frame of score 1; a padded mean over videos counts videos of
normal frames alone as perfect. That of the MIL paper leaves the end of most videos without a score.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data_lists.clip_lengths import CLIP
from score.evaluation.evaluation import Evaluation, ScoredVideo, Summary
from score.metrics import roc_auc


@dataclass(frozen=True)
class Protocol:
    """How published code gets from scores to a frame AUC.

    normalise: scores of each video to [0, 1] by their minimum and maximum. left_out: first frames of each
    video that do not count. zero_end: frames from unscored_from on score 0. padding: mean over videos, each
    with a normal frame of score 0 and an anomalous one of this score added; None pools the frames of all
    videos.
    """

    words: str
    source: str
    normalise: bool = False
    left_out: int = 0
    zero_end: bool = False
    padding: float | None = None


PARTS = 32  # of a video, in the MIL paper
FUTURE = "scores min-max normalised over each video, which uses its own future"
PROTOCOLS = {
    "min-max": Protocol(FUTURE, "a common step of one-class code", normalise=True),
    "ano-pred": Protocol(
        f"{FUTURE}; the first 4 frames of each video left out",
        "Liu et al., CVPR 2018, evaluate.py",
        normalise=True,
        left_out=4,
    ),
    "sultani": Protocol(
        "the last of the clips of 16 frames and what follows it score 0 in videos of more than 17 clips",
        "Sultani et al., CVPR 2018, Evaluate_Anomaly_Detector.m",
        zero_end=True,
    ),
    "macro-aed": Protocol(
        "mean over videos, each with a normal frame of score 0 and an anomalous one of score 1 added",
        "Georgescu et al., TPAMI 2021",
        padding=1.0,
    ),
    "macro-ai-vad": Protocol(
        "mean over videos, each with a normal frame of score 0 and an anomalous one above all others added",
        "Reiss and Hoshen, 2022, evaluate.py",
        padding=sys.float_info.max,
    ),
}


@dataclass(frozen=True)
class ProtocolResult:
    """The frame AUC under one protocol, for each seed."""

    name: str
    auc: Summary

    @property
    def words(self) -> str:
        """What was done, and whose protocol it is."""
        return f"{PROTOCOLS[self.name].words} ({PROTOCOLS[self.name].source})"


def protocol_results(evaluation: Evaluation, names: Sequence[str]) -> tuple[ProtocolResult, ...]:
    """One result for each name, in their order, each once."""
    return tuple(ProtocolResult(name, _summary(evaluation, PROTOCOLS[name])) for name in dict.fromkeys(names))


def _summary(evaluation: Evaluation, protocol: Protocol) -> Summary:
    seeds = range(evaluation.num_seeds)
    if reason := _problem(evaluation.videos, protocol):
        return Summary((None,) * len(seeds), reason=reason)
    measured = [_auc(evaluation.videos, seed, protocol) for seed in seeds]
    reason = "" if None not in measured else "its frames are all normal or all anomalous"
    return Summary(tuple(measured), reason=reason)


def _problem(videos: Sequence[ScoredVideo], protocol: Protocol) -> str:
    if any(video.label is None for video in videos):
        return "it needs the labels of all frames"
    if short := [video.video.video_id for video in videos if video.num_frames <= protocol.left_out]:
        return f"{short[0]} has no frame left"
    if protocol.padding is None:
        return ""
    lowest, highest = ([pick(video.frame_score) for video in videos] for pick in (np.min, np.max))
    if min(lowest) < 0 or max(highest) > protocol.padding:
        return f"it adds frames of score 0 and {protocol.padding:g}, and some scores lie outside of them"
    return ""


def unscored_from(num_frames: int) -> int:
    """First frame that the MATLAB code of the MIL paper leaves at 0; num_frames if there is none.

    Its 32 parts begin at round(linspace(1, clips, 33)) and end before the next, so that the last clip belongs
    to none, unless rounding gives it to the last part alone. The frames after the clips repeat its score.
    """
    clips = num_frames // CLIP
    # MATLAB rounds halves up; clips are counted from 1
    last_start = math.floor(1 + (clips - 1) * (PARTS - 1) / PARTS + 0.5)
    return (clips - 1) * CLIP if last_start < clips else num_frames


def _auc(videos: Sequence[ScoredVideo], seed: int, protocol: Protocol) -> float | None:
    labels, scores = [], []
    for video in videos:
        score = video.frame_score[seed]
        if protocol.zero_end:
            score = np.r_[score[: unscored_from(len(score))], np.zeros(len(score))][: len(score)]
        if protocol.normalise:
            spread = score.max() - score.min()
            # Published code divides by 0 here.
            score = (score - score.min()) / spread if spread else np.zeros(len(score))
        labels.append((np.zeros(0) if video.label is None else video.label)[protocol.left_out :])
        scores.append(score[protocol.left_out :])
    if protocol.padding is None:
        return roc_auc(np.concatenate(labels), np.concatenate(scores)).value
    padded = [
        roc_auc(np.r_[0, label, 1], np.r_[0.0, score, protocol.padding]).value
        for label, score in zip(labels, scores, strict=True)
    ]
    return float(np.mean([value for value in padded if value is not None]))
