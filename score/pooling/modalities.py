"""The features of one video from several stores: checked against each other and joined by modality.

A store with one crop joins stores with several: its rows are those of every crop, as one sound track belongs
to every crop of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from extract.store import FeatureSpec, StoreError, VideoFeatures


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
        if part.shape[1] != crops:
            part = np.broadcast_to(part, (len(part), crops, part.shape[2]))
        grouped.setdefault(spec.modality, []).append(part)
    return {
        name: each[0] if len(each) == 1 else np.concatenate(each, axis=2) for name, each in grouped.items()
    }


def features_by_modality(
    parts: Sequence[VideoFeatures], specs: Sequence[FeatureSpec]
) -> dict[str, np.ndarray]:
    """One video of several stores -> modality -> float [N, C, D].

    Raises StoreError if they do not align.
    """
    return join(aligned_features(parts, specs), specs)
