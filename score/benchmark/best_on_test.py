"""What choosing on the test videos leads to: the best epoch, crop and smoothing of a seed, and their scores.

Much published code reports such numbers, which are too high. Training does not notice: this reads the state
that training leaves after every epoch.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

from data_lists import Video, frame_labels
from extract.runtime.atomic import write_text
from extract.store import FeatureStore
from score.benchmark.cell_scores import CellScores
from score.benchmark.chosen_scores import ALL, CROP, EPOCH, SMOOTHING, Variant, keep, variants
from score.config.run_config import RunConfig
from score.metrics import average_precision, roc_auc
from score.pooling.rules import SegmentsConfig
from score.pooling.segment_join import read_joined
from score.runs.checkpoint import Checkpoint
from score.runs.run_folders import RESUME
from score.runs.torch_file import load_file
from score.runs.training_log import read_records
from score.scoring.scorer import Scorer
from score.training.training_data import TrainingData

LOG = "test_selected.jsonl"  # a line per epoch, in the folder of the seed
MEASURES = ("frame_auc", "frame_ap", "video_auc")


class BestOnTest:
    """Measures the test videos after every epoch of one seed; its folder keeps a log and the best scores.

    measure: the one of MEASURES that chooses; without frame labels it is the video AUC.
    """

    def __init__(
        self,
        folder: Path,
        data: TrainingData,
        stores: Sequence[FeatureStore],
        test: Sequence[Video],
        segments: SegmentsConfig,
        *,
        measure: str,
    ):
        self.measure = measure
        self.folder, self.data, self.test = folder, data, tuple(test)
        self.parts = [read_joined(stores, video.video_id, segments) for video in test]
        self.label = np.array([video.is_anomalous for video in test], dtype=np.uint8)
        annotated = all(video.has_frame_truth for video in test)
        lengths = [parts[0].num_frames for parts in self.parts]
        self.frames = (
            [frame_labels(video, n) for video, n in zip(test, lengths, strict=True)] if annotated else None
        )

    def catch_up(self, config: RunConfig, seed: int) -> None:
        """Measure the last complete epoch, in case an interruption came before its line."""
        if (self.folder / RESUME).is_file():
            self.measure_epoch(config, seed)

    def measure_epoch(self, config: RunConfig, seed: int) -> None:
        """Measure the state after the last complete epoch; its line replaces an older one."""
        state = load_file(self.folder / RESUME, "resume")
        # A line of this or a later epoch is left of a run that was interrupted between log and state.
        lines = [line for line in self._lines() if line["epoch"] < state["epoch"]]
        # Validation uses the averaged weights if there are any, so this does, too.
        weights = state["weights"] if state["average"] is None else state["average"]
        checkpoint = Checkpoint(
            config=config,
            bag_spec=self.data.bag_spec,
            specs=self.data.specs,
            weights=weights,
            lists={},
            standardisation=self.data.standardisation,
            seed=seed,
            epoch=state["epoch"],
        )
        # Training must draw the same random numbers as without this.
        with torch.random.fork_rng(devices=[]):
            line, kept = self._measure(Scorer(checkpoint))
        for choice, scores in kept.items():
            value = f"after {choice}"
            if line[value] > max((each[value] for each in lines if value in each), default=-1.0):
                keep(self.folder, choice, scores)
        lines.append({"epoch": state["epoch"], **line})
        write_text(self.folder / LOG, "".join(json.dumps(line) + "\n" for line in lines), durable=False)

    def finish(self, checkpoint: Checkpoint) -> None:
        """Choose the crop and the smoothing for the head that training kept without the test videos."""
        scorer = Scorer(checkpoint)
        keep(self.folder, CROP, self._best(variants(scorer, self.parts, crops=True, smoothings=False)).scores)
        best = self._best(variants(scorer, self.parts, crops=False, smoothings=True))
        keep(self.folder, SMOOTHING, best.scores)

    def best(self) -> dict[str, float]:
        """The best value of each measure over all epochs, in [0, 1]."""
        lines = self._lines()
        names = [name for name in MEASURES if lines and name in lines[0]]
        return {name: max(line[name] for line in lines) for name in names}

    def _measure(self, scorer: Scorer) -> tuple[dict[str, float], dict[str, CellScores]]:
        """(the line of an epoch, the scores that this epoch gives for each choice of an epoch)."""
        found = list(variants(scorer, self.parts, crops=True, smoothings=True))
        best, plain = self._best(found), found[0].scores
        values = {name: self._value(plain, name) for name in MEASURES}
        line = {name: value for name, value in values.items() if value is not None}
        kept = {EPOCH: plain, ALL: best.scores}
        line |= {f"after {choice}": self._deciding(scores) for choice, scores in kept.items()}
        return line, kept

    def _best(self, found: Iterable[Variant]) -> Variant:
        """The variant of the highest deciding measure; the first of equal ones."""
        return max(found, key=lambda each: self._deciding(each.scores))

    def _deciding(self, scores: CellScores) -> float:
        """The measure that chooses; video AUC without frame labels, 0 without both classes."""
        values = (self._value(scores, name) for name in (self.measure, "video_auc"))
        return next((value for value in values if value is not None), 0.0)

    def _value(self, scores: CellScores, name: str) -> float | None:
        if name == "video_auc":
            return roc_auc(self.label, scores.video_score).value
        if self.frames is None:
            return None
        measure = roc_auc if name == "frame_auc" else average_precision
        return measure(np.concatenate(self.frames), np.concatenate(scores.frame_scores())).value

    def _lines(self) -> list[dict]:
        records = read_records(self.folder, LOG)
        return [each for each in records if all(isinstance(value, (int, float)) for value in each.values())]
