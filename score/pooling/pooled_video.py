"""One stored video as training keeps it: its pooled instances, and sums over all of its segments.

A video is read in blocks, so that ten crops of a nine-hour video (5 GB) need no more memory than a short one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from extract.store import FeatureSpec, FeatureStore, StoreError
from score.pooling.modalities import aligned_features, join, joined_crops, segment_features
from score.pooling.modality_table import modality_table
from score.pooling.moments import Moments
from score.pooling.rules import SegmentsConfig, cuts, pool
from score.pooling.segment_join import joined
from score.pooling.time_bins import TimeBins

BLOCK_BYTES = 1 << 26  # float32 rows read at a time; their moments take twice as much again
CHUNK = 64  # segments per HDF5 chunk of a store


@dataclass
class PooledVideo:
    """Everything about one video but its instances.

    sha256: of the video file, "" if unknown. moments: modality -> of all N x C rows before pooling, if
    requested. crop_moments, time_bins: of the N rows with crops averaged and modalities concatenated;
    time_bins are float32 [16, D].
    """

    video_id: str
    num_segments: int
    num_frames: int
    sha256: str
    time_bins: np.ndarray
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
    """Read one video and write its instances into the arrays that `place` returns.

    place: N -> modality -> float32 [T, C, D]. moments: whether to sum them. Where the blocks are cut changes
    no bit of the instances, but the last bits of the moments. Raises StoreError for features that are
    damaged, do not align or are not finite.
    """
    specs = [store.spec for store in stores]
    with contextlib.ExitStack() as stack:
        parts = joined([stack.enter_context(store.open(video_id)) for store in stores], specs, segments)
        features = aligned_features(parts, specs)
        first, count = parts[0], parts[0].num_segments
        most = max(CHUNK, block // row_bytes(specs) // CHUNK * CHUNK)
        medians = _medians(features, block) if segments.centre == "video" and count > most else None
        instances = place(count)
        filled = dict.fromkeys(instances, 0)
        bins, crop_moments, sums = TimeBins(count), Moments(), {}
        for start, stop in blocks(count, segments, most):
            # Frame differences also need the segment before the block.
            previous = int(start > 0 and segments.takes_changes)
            read = [part[start - previous : stop] for part in features]
            crops = crops_joined(join([rows[previous:] for rows in read], specs))
            bins.add(crops)
            crop_moments.add(crops)
            transformed = segment_features(
                read, specs, segments, medians=medians, has_previous=bool(previous)
            )
            for modality, rows in transformed.items():
                if not np.isfinite(rows).all():
                    raise StoreError(f"{video_id}: its {modality} features hold NaN or infinite values")
                if moments:
                    sums.setdefault(modality, Moments()).add(present(rows, segments))
                rows = pool(rows, segments, first=start, num_segments=count)
                instances[modality][filled[modality] : filled[modality] + len(rows)] = rows
                filled[modality] += len(rows)
    return PooledVideo(
        video_id=video_id,
        num_segments=count,
        num_frames=first.num_frames,
        sha256=str(first.source.get("sha256", "")),
        time_bins=bins.means(),
        crop_moments=crop_moments,
        moments=sums,
    )


def instance_shapes(specs: Sequence[FeatureSpec], segments: SegmentsConfig) -> dict[str, tuple[int, int]]:
    """modality -> [C, D] of an instance."""
    dims: dict[str, int] = {}
    for part in modality_table(specs, segments):
        dims[part.modality] = dims.get(part.modality, 0) + part.width
    return {modality: (joined_crops(specs), dim) for modality, dim in dims.items()}


def present(rows: np.ndarray, segments: SegmentsConfig) -> np.ndarray:
    """The rows that statistics are made of: [N, C, D] -> [n, D]."""
    flat = rows.reshape(-1, rows.shape[-1])
    return flat[flat.any(axis=-1)] if segments.zeros == "missing" else flat


def row_bytes(specs: Sequence[FeatureSpec]) -> int:
    """Bytes of one segment of all stores as float32."""
    return 4 * sum(spec.num_crops * spec.feature_dim for spec in specs)


def blocks(num_segments: int, segments: SegmentsConfig, most: int) -> Iterator[tuple[int, int]]:
    """Segments [start, stop) of each block: at most `most`, unless one instance covers more."""
    places, start = cuts(num_segments, segments), 0
    while start < num_segments:
        last = np.searchsorted(places, start + most, side="right") - 1
        stop = int(places[max(last, np.searchsorted(places, start, side="right"))])
        yield start, stop
        start = stop


def crops_joined(rows: dict[str, np.ndarray]) -> np.ndarray:
    """Average crops and concatenate modalities: modality -> float [N, C, D], to float32 [N, sum of D]."""
    return np.concatenate([np.asarray(rows[name], np.float32).mean(axis=1) for name in sorted(rows)], axis=1)


def _medians(features: Sequence[np.ndarray], block: int) -> list[np.ndarray]:
    """Of each store the median over all segments, float32 [1, C, D], read some features at a time."""
    found = []
    for rows in features:
        count, crops, dim = rows.shape
        step = max(1, block // (4 * count * crops))
        columns = [
            np.median(rows[:, :, begin : begin + step].astype(np.float32), axis=0, keepdims=True)
            for begin in range(0, dim, step)
        ]
        found.append(np.concatenate(columns, axis=2))
    return found
