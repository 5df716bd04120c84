"""The features of one video from several stores: checked against each other and joined by modality.

A store with one crop joins stores with several: its rows are those of every crop, as one sound track belongs
to every crop of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from extract.store import FeatureSpec, StoreError, VideoFeatures
from score.pooling.modality_table import parts_named
from score.pooling.rules import SegmentsConfig, with_changes


def aligned_features(parts: Sequence[VideoFeatures], specs: Sequence[FeatureSpec]) -> list[np.ndarray]:
    """The features of each part, [N, C, D]. Raises StoreError if a part has none or other segments."""
    first, aligned = parts[0], []
    for part, spec in zip(parts, specs, strict=True):
        if part.features is None:
            raise StoreError(
                f"{part.video_id}: the {spec.preset} store holds no features, only {', '.join(part.arrays)}"
            )
        shape = (len(part.frame_span), spec.num_crops, spec.feature_dim)
        if part.features.shape != shape:
            raise StoreError(
                f"{part.video_id}: features of shape {list(part.features.shape)} in the {spec.preset} store, "
                f"expected {list(shape)}; remove its file and extract it again"
            )
        if not np.array_equal(part.frame_span, first.frame_span):
            raise StoreError(
                f"{part.video_id}: the {specs[0].preset} {specs[0].modality} store has "
                f"{len(first.frame_span)} segments and the {spec.preset} {spec.modality} store "
                f"{len(part.frame_span)}, or other spans; extract both with the same clip_length and "
                "segment_stride, or join them by the shorter or by time (--join cut, --join time)"
            )
        aligned.append(part.features)
    return aligned


def joined_crops(specs: Sequence[FeatureSpec]) -> int:
    """C of stores that are read together: that of those with several crops, else 1."""
    return max(spec.num_crops for spec in specs)


def join(rows: Sequence[np.ndarray], specs: Sequence[FeatureSpec]) -> dict[str, np.ndarray]:
    """Rows [n, C or 1, D] of each store -> modality -> [n, C, D], not to be written to.

    Stores of one modality are joined along D.
    """
    grouped: dict[str, list[np.ndarray]] = {}
    crops = joined_crops(specs)
    for part, spec in zip(rows, specs, strict=True):
        grouped.setdefault(spec.modality, []).append(part)
    return {name: _side_by_side(each, crops) for name, each in grouped.items()}


def features_by_modality(
    parts: Sequence[VideoFeatures], specs: Sequence[FeatureSpec]
) -> dict[str, np.ndarray]:
    """One video of several stores -> modality -> float [N, C, D].

    Raises StoreError if they do not align.
    """
    return join(aligned_features(parts, specs), specs)


def segment_features(
    rows: Sequence[np.ndarray],
    specs: Sequence[FeatureSpec],
    segments: SegmentsConfig,
    *,
    medians: Sequence[np.ndarray | None] | None = None,
    has_previous: bool = False,
) -> dict[str, np.ndarray]:
    """Rows [N, C or 1, D] of each store -> modality -> float32 [N, C, columns of modality_table].

    Not to be written to. Features come first, then the frame differences of the same stores. medians,
    has_previous: see score.pooling.rules.with_changes.
    """
    features: dict[str, list[np.ndarray]] = {}
    differences: dict[str, list[np.ndarray]] = {}
    known = medians or [None] * len(rows)
    for part, named, median in zip(rows, parts_named(specs, segments), known, strict=True):
        kept, changed = with_changes(part, segments, named.changes, median=median, has_previous=has_previous)
        features.setdefault(named.modality, []).extend(kept)
        differences.setdefault(named.modality, []).extend(changed)
    joined = {name: [*each, *differences[name]] for name, each in features.items()}
    return {name: _side_by_side(each, joined_crops(specs)) for name, each in joined.items()}


def _side_by_side(rows: Sequence[np.ndarray], crops: int) -> np.ndarray:
    """Concatenate along D; rows of one crop are those of every crop."""
    spread = [
        each if each.shape[1] == crops else np.broadcast_to(each, (len(each), crops, each.shape[2]))
        for each in rows
    ]
    return spread[0] if len(spread) == 1 else np.concatenate(spread, axis=2)
