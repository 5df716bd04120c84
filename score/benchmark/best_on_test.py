"""The measures of the best epoch on the test videos, for the column test-selected alone.

Much published code reports this number, which is too high: the test videos select the epoch. Training does
not notice: this reads the state that training leaves after every epoch.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from data_lists import Video, frame_labels
from extract.runtime.atomic import write_text
from extract.store import FeatureStore
from score.config.run_config import RunConfig
from score.metrics import average_precision, roc_auc
from score.pooling.rules import SegmentsConfig
from score.pooling.segment_join import read_joined
from score.runs.checkpoint import Checkpoint
from score.runs.run_folders import RESUME
from score.runs.torch_file import load_file
from score.runs.training_log import read_records
from score.scoring.frame_scores import spread
from score.scoring.scorer import Scorer
from score.training.training_data import TrainingData

LOG = "test_selected.jsonl"  # a line per epoch, in the folder of the seed


class BestOnTest:
    """Measures the test videos after every epoch of one seed, whose folder keeps the log."""

    def __init__(
        self,
        folder: Path,
        data: TrainingData,
        stores: Sequence[FeatureStore],
        test: Sequence[Video],
        segments: SegmentsConfig,
    ):
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
            lines.append({"epoch": state["epoch"], **self._measure(Scorer(checkpoint))})
        write_text(self.folder / LOG, "".join(json.dumps(line) + "\n" for line in lines), durable=False)

    def best(self) -> dict[str, float]:
        """The best value of each measure over all epochs, in [0, 1]."""
        lines = self._lines()
        names = [name for name in lines[0] if name != "epoch"] if lines else []
        return {name: max(line[name] for line in lines) for name in names}

    def _measure(self, scorer: Scorer) -> dict[str, float]:
        scores = [scorer.score(*parts) for parts in self.parts]
        measures = {"video_auc": roc_auc(self.label, np.array([each.video_score for each in scores]))}
        if self.frames is not None:
            frame_scores = np.concatenate(
                [
                    spread(
                        each.segment_score,
                        parts[0].frame_span,
                        num_frames=parts[0].num_frames,
                        video_id=parts[0].video_id,
                    ).score
                    for each, parts in zip(scores, self.parts, strict=True)
                ]
            )
            labels = np.concatenate(self.frames)
            measures |= {
                "frame_auc": roc_auc(labels, frame_scores),
                "frame_ap": average_precision(labels, frame_scores),
            }
        return {name: measure.value for name, measure in measures.items() if measure.value is not None}

    def _lines(self) -> list[dict]:
        records = read_records(self.folder, LOG)
        return [each for each in records if all(isinstance(value, (int, float)) for value in each.values())]
