"""One video of several stores, side by side: checked, and joined where they are of one modality."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from extract.store import FeatureSpec, StoreError, VideoFeatures


def check_alike(parts: Sequence[VideoFeatures], specs: Sequence[FeatureSpec]) -> None:
    """Raise StoreError where the stores cut the video differently or hold no features."""
    first = parts[0]
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
                "segment_stride"
            )


def join(rows: Sequence[np.ndarray], specs: Sequence[FeatureSpec]) -> dict[str, np.ndarray]:
    """Rows [n, C, D] of each store -> modality -> [n, C, D]; those of one modality are joined along D."""
    grouped: dict[str, list[np.ndarray]] = {}
    for part, spec in zip(rows, specs, strict=True):
        grouped.setdefault(spec.modality, []).append(part)
    return {
        name: each[0] if len(each) == 1 else np.concatenate(each, axis=2) for name, each in grouped.items()
    }


def side_by_side(parts: Sequence[VideoFeatures], specs: Sequence[FeatureSpec]) -> dict[str, np.ndarray]:
    """One video of several stores -> modality -> float [N, C, D]. Raises StoreError where they do not fit together."""
    check_alike(parts, specs)
    return join([part.features for part in parts], specs)
