"""One stored video as training keeps it: pooled, with the sums that are taken over all of its segments.

A video is read in blocks, so that ten crops of a video of nine hours (5 GB) need no more memory than a short one.
Loads no torch: extra processes import this module.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from extract.store import FeatureSpec, FeatureStore, StoreError, VideoFeatures
from score.pooling.modalities import check_alike, join
from score.pooling.moments import Moments
from score.pooling.rules import SegmentsConfig, cuts, described, pool
from score.pooling.time_bins import Stretches

BLOCK_BYTES = 1 << 26  # of float32 rows at a time; their moments take twice as much more
CHUNK = 64  # segments that a store reads in one go


@dataclass
class PooledVideo:
    """Everything but the instances. sha256: of the video's file, "" where unknown.

    moments: modality -> of all N x C unpooled rows, where they are wanted. crop_moments, stretches: of the N rows
    with crops averaged and modalities side by side; stretches are float32 [16, D].
    """

    video_id: str
    num_segments: int
    num_frames: int
    sha256: str
    stretches: np.ndarray
    crop_moments: Moments = field(default_factory=Moments)
    moments: dict[str, Moments] = field(default_factory=dict)


def pooled_video(
    stores: Sequence[FeatureStore],
    video_id: str,
    segments: SegmentsConfig,
    *,
    place: Callable[[int], dict[str, np.ndarray]],
    moments: bool,
    block: int = BLOCK_BYTES,
) -> PooledVideo:
    """Read one video and leave its instances where `place` says: number of segments -> modality -> float32 [T, C, D].

    The instances do not depend on how the video is cut into blocks, moments of a video of several do in their last
    bits. Raises StoreError for features that are damaged, do not fit together or are not finite.
    """
    specs = [store.spec for store in stores]
    with contextlib.ExitStack() as stack:
        parts = [stack.enter_context(store.open(video_id)) for store in stores]
        check_alike(parts, specs)
        first, count = parts[0], parts[0].num_segments
        most = max(CHUNK, block // row_bytes(specs) // CHUNK * CHUNK)
        medians = _medians(parts, specs, block) if segments.centre == "video" and count > most else {}
        instances = place(count)
        filled = dict.fromkeys(instances, 0)
        stretches, crop_moments, sums = Stretches(count), Moments(), {}
        for start, stop in blocks(count, segments, most):
            led = start > 0 and segments.changes != "none"  # the row before is read too
            rows_by_modality = join([part.features[start - led : stop] for part in parts], specs)
            crops = crops_joined({name: rows[led:] for name, rows in rows_by_modality.items()})
            stretches.add(crops)
            crop_moments.add(crops)
            for modality, rows in rows_by_modality.items():
                rows = described(rows, segments, median=medians.get(modality), led=led)
                if not np.isfinite(rows).all():
                    raise StoreError(f"{video_id}: its {modality} features hold NaN or infinite values")
                if moments:
                    sums.setdefault(modality, Moments()).add(rows.reshape(-1, rows.shape[-1]))
                rows = pool(rows, segments, first=start, num_segments=count)
                instances[modality][filled[modality] : filled[modality] + len(rows)] = rows
                filled[modality] += len(rows)
    return PooledVideo(
        video_id=video_id,
        num_segments=count,
        num_frames=first.num_frames,
        sha256=str(first.source.get("sha256", "")),
        stretches=stretches.means(),
        crop_moments=crop_moments,
        moments=sums,
    )


def instance_shapes(specs: Sequence[FeatureSpec], segments: SegmentsConfig) -> dict[str, tuple[int, int]]:
    """modality -> [C, D] of every instance."""
    dims: dict[str, int] = {}
    for spec in specs:
        dims[spec.modality] = dims.get(spec.modality, 0) + spec.feature_dim * (
            2 if segments.changes == "add" else 1
        )
    return {modality: (specs[0].num_crops, dim) for modality, dim in dims.items()}


def row_bytes(specs: Sequence[FeatureSpec]) -> int:
    """Of one segment of all stores as float32."""
    return 4 * sum(spec.num_crops * spec.feature_dim for spec in specs)


def blocks(num_segments: int, segments: SegmentsConfig, most: int) -> Iterator[tuple[int, int]]:
    """Segments [start, stop) to read at a time: at most so many, unless one instance is made of more."""
    places, start = cuts(num_segments, segments), 0
    while start < num_segments:
        last = np.searchsorted(places, start + most, side="right") - 1
        stop = int(places[max(last, np.searchsorted(places, start, side="right"))])
        yield start, stop
        start = stop


def crops_joined(rows: dict[str, np.ndarray]) -> np.ndarray:
    """Crops averaged, modalities side by side: modality -> float [N, C, D], to float32 [N, D of all]."""
    return np.concatenate([np.asarray(rows[name], np.float32).mean(axis=1) for name in sorted(rows)], axis=1)


def _medians(
    parts: Sequence[VideoFeatures], specs: Sequence[FeatureSpec], block: int
) -> dict[str, np.ndarray]:
    """modality -> float32 [1, C, D], over the segments of a video that is larger than a block: some features at a time."""
    found = []
    for part in parts:
        count, crops, dim = part.features.shape
        step = max(1, block // (4 * count * crops))
        columns = [
            np.median(part.features[:, :, begin : begin + step].astype(np.float32), axis=0, keepdims=True)
            for begin in range(0, dim, step)
        ]
        found.append(np.concatenate(columns, axis=2))
    return join(found, specs)
