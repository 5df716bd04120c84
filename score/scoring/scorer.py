"""A trained head on the features of a video: one score per segment and one for the video."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from extract.runtime.memory_limits import naming_memory
from extract.store import FeatureStore, StoreError, VideoFeatures
from score.bags.bags import Bags, stacked
from score.bags.standardise import has_unit_rows, unit_rows
from score.pooling.modalities import aligned_features, joined_crops, segment_features
from score.pooling.rules import SegmentsConfig, pool, spread
from score.pooling.segment_join import read_joined
from score.runs.checkpoint import Checkpoint, load_checkpoint

ROWS_AT_ONCE = 65536  # crops of instances per batch on a GPU, which bounds memory
# Names that heads give to the share of each instance in their video score.
ATTENTION = ("attention", "weight")


class VideoScores(NamedTuple):
    """segment_score: float32 [N] in [0, 1]. video_score: in [0, 1].

    attention: float64 [N], the share of each segment in the video score, which sum to 1; None if the head
    has none. class_probability: float32 [N, K]; None if the head predicts no classes.
    """

    segment_score: np.ndarray
    video_score: float
    attention: np.ndarray | None = None
    class_probability: np.ndarray | None = None


def instances_of(checkpoint: Checkpoint, parts: Sequence[VideoFeatures]) -> dict[str, torch.Tensor]:
    """Copies of the instances of one video, neither standardised nor scaled: modality -> float32 [T, C, D].

    parts: the video in each store, in the order of match_stores.
    """
    if len(parts) != len(checkpoint.specs):
        raise ValueError(
            f"got features of {len(parts)} stores, the head was trained on {len(checkpoint.specs)}"
        )
    segments, instances = checkpoint.config.data.scoring_segments, {}
    aligned = aligned_features(parts, checkpoint.specs)
    for modality, rows in segment_features(aligned, checkpoint.specs, segments).items():
        expected = checkpoint.bag_spec.feature_dims.get(modality)
        if rows.shape[-1] != expected:
            raise StoreError(
                f"{parts[0].video_id}: {modality} features have {rows.shape[-1]} dimensions, "
                f"expected {expected}"
            )
        instances[modality] = torch.from_numpy(np.array(pool(rows, segments)))
    return instances


def clips_of_video(checkpoint: Checkpoint, parts: Sequence[VideoFeatures]) -> Bags:
    """All segments of one video as one bag of clips. Raises StoreError for clips of another size."""
    if len(parts) != 1:
        raise ValueError(f"{len(parts)} stores are given, the head was trained on one")
    arrays, count = {}, parts[0].num_segments
    for name, shape in checkpoint.bag_spec.array_shapes.items():
        rows = parts[0].arrays.get(name)
        if rows is None or rows.shape[1:] != shape:
            found = "absent" if rows is None else f"of shape {list(rows.shape[1:])}"
            raise StoreError(f"{parts[0].video_id}: its clips' {name} is {found}, expected {list(shape)}")
        arrays[name] = torch.from_numpy(rows)[None]
    return Bags(
        {},
        torch.ones(1, count, dtype=torch.bool),
        torch.zeros(1),
        torch.zeros(1, dtype=torch.int64),
        arrays=arrays,
    )


class Scorer:
    """A trained head, which scores as it was validated: same pooling, same statistics, crops averaged."""

    def __init__(self, checkpoint: Checkpoint, *, device: torch.device | str = "cpu"):
        self.checkpoint = checkpoint
        self.device = torch.device(device)
        self.head = checkpoint.build_head().to(self.device)
        # On a CPU a batch gains little (0.6 to 2 times the speed, by head), and the last bits of a score
        # would depend on its neighbours. Clips of pixels fill a batch by themselves.
        self.rows_at_once = 0 if self.device.type == "cpu" or self.head.arrays else ROWS_AT_ONCE

    @property
    def segments(self) -> SegmentsConfig:
        """How the segments of a video become instances, and how its stores are joined."""
        return self.checkpoint.config.data.scoring_segments

    def match_stores(self, stores: Sequence[FeatureStore]) -> list[FeatureStore]:
        """The stores in the order that `score` expects. Raises CheckpointError for another spec."""
        return self.checkpoint.match_stores(list(stores))

    def read(self, stores: Sequence[FeatureStore], video_id: str) -> list[VideoFeatures]:
        """The parts of one video that `score` expects, of stores from match_stores. Raises StoreError."""
        return read_joined(stores, video_id, self.segments)

    def bags(self, *parts: VideoFeatures) -> Bags:
        """The instances of one video as C bags, one per crop.

        parts: the video in each store, in the order of match_stores.
        """
        data, stats = self.checkpoint.config.data, self.checkpoint.standardisation
        if self.head.arrays:
            return clips_of_video(self.checkpoint, parts).to(self.device)
        features = {}
        for modality, instances in instances_of(self.checkpoint, parts).items():
            if stats is not None:
                stats.apply_(instances, modality)
            if has_unit_rows(data.normalise, instances.shape[-1]):
                unit_rows(instances)
            features[modality] = instances.movedim(1, 0).contiguous()  # [C, T, D]
        crops, length = next(iter(features.values())).shape[:2]
        return Bags(
            features=features,
            mask=torch.ones(crops, length, dtype=torch.bool),
            label=torch.zeros(crops),
            event_class=torch.zeros(crops, dtype=torch.int64),
            video=torch.zeros(crops, dtype=torch.int64),
        ).to(self.device)

    def score(self, *parts: VideoFeatures, crop: int | None = None) -> VideoScores:
        """The scores of one video; parts as in `bags`. crop: of this one alone instead of the mean of all."""
        return self.score_together([parts], crop=crop)[0]

    @torch.no_grad()
    def score_together(
        self, videos: Sequence[Sequence[VideoFeatures]], *, crop: int | None = None
    ) -> list[VideoScores]:
        """The scores of several videos in one batch, padded to the longest.

        The parts of each as in `bags`; crop as in `score`.
        Raises OutOfMemory, which names the longest of them.
        """
        with naming_memory(partial(_words, videos), "use a machine with more, or score shorter pieces of it"):
            bags = [self.bags(*parts) for parts in videos]
            if crop is not None:
                bags = [each.of_bag(crop) for each in bags]
            output = self.head(stacked(bags))
        scores, begin = [], 0
        # Each video is cut out of the batch before anything is averaged, without its padding.
        for parts, (crops, length) in zip(videos, (each.mask.shape for each in bags), strict=True):
            rows = slice(begin, begin + crops)
            along = partial(self._along, num_segments=parts[0].num_segments)
            attention, classes = None, output.aux.get("class_probability")
            if (
                weight := next((output.aux[name] for name in ATTENTION if name in output.aux), None)
            ) is not None:
                attention = along(weight[rows, :length]).astype(np.float64)
                attention = attention / attention.sum() if attention.sum() > 0 else None
            if classes is not None:
                classes = np.stack([along(column) for column in classes[rows, :length].unbind(dim=2)], axis=1)
            segment_score = along(output.segment_score[rows, :length])
            scores.append(
                VideoScores(
                    segment_score, float(output.video_score[rows].double().mean()), attention, classes
                )
            )
            begin += crops
        return scores

    def _along(self, instances: torch.Tensor, *, num_segments: int) -> np.ndarray:
        """Values of instances [C, T] -> crops averaged and spread over the segments, float32 [N]."""
        values = instances.double().mean(dim=0).cpu().numpy()
        return spread(values, num_segments, self.segments)

    def score_store(
        self, stores: Sequence[FeatureStore], video_ids: Sequence[str]
    ) -> Iterator[tuple[VideoFeatures, VideoScores]]:
        """The features of each video in the first store, and its scores; in any order."""
        stores = self.match_stores(stores)
        for group in self.groups(stores, video_ids):
            videos = [self.read(stores, video_id) for video_id in group]
            yield from (
                (parts[0], scores) for parts, scores in zip(videos, self.score_together(videos), strict=True)
            )

    def groups(self, stores: Sequence[FeatureStore], video_ids: Sequence[str]) -> list[list[str]]:
        """Videos to score together, similar in length and as many as fit.

        One by one where batches do not pay.
        """
        if not self.rows_at_once:
            return [[video_id] for video_id in video_ids]
        crops = joined_crops([store.spec for store in stores])
        rows = {video_id: stores[0].header(video_id).num_segments * crops for video_id in video_ids}
        groups: list[list[str]] = []
        for video_id in sorted(video_ids, key=rows.__getitem__):
            if not groups or rows[video_id] * (len(groups[-1]) + 1) > self.rows_at_once:
                groups.append([])
            groups[-1].append(video_id)
        return groups


def _words(videos: Sequence[Sequence[VideoFeatures]]) -> str:
    longest = max((parts[0] for parts in videos), key=lambda part: part.num_segments)
    more = f" and {len(videos) - 1} more in its batch" if len(videos) > 1 else ""
    return f"{longest.video_id} ({longest.num_segments} segments){more}"


def load_scorer(path: Path | str, *, device: torch.device | str = "cpu") -> Scorer:
    """The scorer of a checkpoint file or a seed's folder. Raises CheckpointError for anything else."""
    return Scorer(load_checkpoint(path), device=device)
