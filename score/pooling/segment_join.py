"""One video in several stores whose segments differ, brought to the segments of one store.

exact   the same spans in every store, as stores of one clip length and stride have
cut     the segments that all stores have; the last ones of the longer stores are left out
time    each segment of the first store, with the segment of each other store that covers its middle
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from extract.store import FeatureSpec, FeatureStore, StoreError, VideoFeatures
from score.pooling.rules import SegmentsConfig

AT_ONCE = 64  # chosen rows read at a time: between them may lie many of a finer store
OFF = 2  # how many segments the ends of two stores may differ by when they are joined by time


class ChosenRows:
    """Rows of an array or HDF5 dataset [N, ...] by ascending numbers [n], read when they are sliced."""

    def __init__(self, rows, numbers: np.ndarray):
        self.rows, self.numbers = rows, numbers
        self.shape = (len(numbers), *rows.shape[1:])
        self.dtype = rows.dtype

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, key) -> np.ndarray:
        chosen, *columns = key if isinstance(key, tuple) else (key,)
        numbers, found = self.numbers[chosen], []
        for begin in range(0, len(numbers), AT_ONCE):
            part = numbers[begin : begin + AT_ONCE]
            block = self.rows[(slice(int(part[0]), int(part[-1]) + 1), *columns)]
            found.append(block[part - part[0]])
        if not found:
            return np.asarray(self.rows[(slice(0, 0), *columns)])
        return found[0] if len(found) == 1 else np.concatenate(found)


def read_joined(
    stores: Sequence[FeatureStore], video_id: str, segments: SegmentsConfig
) -> list[VideoFeatures]:
    """The video of each store in memory, all with the same segments. Raises StoreError."""
    parts = joined([store.read(video_id) for store in stores], [store.spec for store in stores], segments)
    return [
        replace(part, features=part.features[:]) if isinstance(part.features, ChosenRows) else part
        for part in parts
    ]


def num_joined(stores: Sequence[FeatureStore], video_id: str, segments: SegmentsConfig) -> int:
    """How many segments the video has once it is joined. Raises StoreError."""
    if segments.join != "cut":
        return stores[0].header(video_id).num_segments
    return min(store.header(video_id).num_segments for store in stores)


def joined(
    parts: Sequence[VideoFeatures], specs: Sequence[FeatureSpec], segments: SegmentsConfig
) -> list[VideoFeatures]:
    """The parts with the segments that `segments.join` gives them, whose spans are those of the first.

    parts: the video in each store. Rows are chosen, not read. Raises StoreError, which names the video, for
    parts that cannot be joined like this; "exact" leaves that to whoever needs the same spans.
    """
    if len(parts) == 1 or segments.join == "exact":
        return list(parts)
    if segments.join == "cut":
        return _cut(parts, specs, at_most=segments.cut_at_most)
    first = parts[0]
    return [
        first,
        *(_timed(first, part, (specs[0], spec)) for part, spec in zip(parts[1:], specs[1:], strict=True)),
    ]


def _cut(
    parts: Sequence[VideoFeatures], specs: Sequence[FeatureSpec], *, at_most: int
) -> list[VideoFeatures]:
    counts = [part.num_segments for part in parts]
    count = min(counts)
    sizes = f"{parts[0].video_id}: {_sizes(parts, specs)}"
    if max(counts) - count > at_most:
        raise StoreError(
            f"{sizes}; --join cut leaves out at most {at_most} (data.segments.cut_at_most), and --join time "
            "joins stores of other strides"
        )
    starts = parts[0].frame_span[:count, 0]
    for part, spec in zip(parts, specs, strict=True):
        differing = np.flatnonzero(part.frame_span[:count, 0] != starts)
        if len(differing):
            place = int(differing[0])
            raise StoreError(
                f"{sizes}; segment {place} begins at frame {starts[place]} in the first and at frame "
                f"{part.frame_span[place, 0]} in the {_words(spec)} store, so they cannot be cut to one "
                "length; use --join time"
            )
    return [_chosen(part, np.arange(count), parts[0]) for part in parts]


def _timed(
    first: VideoFeatures, part: VideoFeatures, specs: tuple[FeatureSpec, FeatureSpec]
) -> VideoFeatures:
    # Times of a store without a frame rate are made up; frames are what both of them count then.
    unit, name = ("seconds", "time_span") if first.fps and part.fps else ("frames", "frame_span")
    target, found = (np.asarray(getattr(each, name), np.float64) for each in (first, part))
    longest = max(np.diff(target).max(), np.diff(found).max())
    ends = target[-1, 1], found[-1, 1]
    if abs(ends[0] - ends[1]) > OFF * longest:
        raise StoreError(
            f"{first.video_id}: the {_words(specs[0])} store ends at {ends[0]:g} {unit} and the "
            f"{_words(specs[1])} store at {ends[1]:g}; --join time joins ends at most {OFF} segments apart: "
            "are they the same video, at the same frame rate?"
        )
    numbers, apart = covering(target, found)
    if apart.max() > longest:
        place = int(apart.argmax())
        raise StoreError(
            f"{first.video_id}: no segment of the {_words(specs[1])} store covers the middle of segment "
            f"{place} ({target[place].mean():g} {unit}) of the {_words(specs[0])} store, or is near it"
        )
    return _chosen(part, numbers, first)


def covering(target: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(int64 [N], float64 [N]): which span covers the middle of each target span, and how far it is off.

    target: [N, 2], found: [M, 2], with ascending starts. Of several spans that cover a middle the one whose
    own middle is nearest is chosen, the earlier of two; where none covers it, the nearest span.
    """
    middle = target.mean(axis=1)
    if (np.diff(found[:, 1]) < 0).any():
        rows = [_covering_one(each, found) for each in middle]
        return np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    centre, last = found.mean(axis=1), len(found) - 1
    after = np.searchsorted(centre, middle).clip(0, last)
    before = (after - 1).clip(0)
    nearest = np.where(middle - centre[before] <= centre[after] - middle, before, after)
    # Those that cover a point are neighbours, because spans start and end in order.
    first_open = np.searchsorted(found[:, 1], middle, side="right")
    last_begun = np.searchsorted(found[:, 0], middle, side="right") - 1
    within = np.minimum(np.maximum(nearest, first_open), np.maximum(last_begun, 0))
    left, right = (first_open - 1).clip(0), first_open.clip(0, last)
    to_left = np.where(first_open > 0, middle - found[left, 1], np.inf)
    to_right = np.where(first_open <= last, found[right, 0] - middle, np.inf)
    covered = first_open <= last_begun
    numbers = np.where(covered, within, np.where(to_left <= to_right, left, right))
    return numbers, np.where(covered, 0.0, np.minimum(to_left, to_right))


def _covering_one(middle: float, found: np.ndarray) -> tuple[int, float]:
    """The same for one middle and spans that end in any order."""
    apart = np.maximum(0.0, np.maximum(found[:, 0] - middle, middle - found[:, 1]))
    # A span ends before its stop.
    covers = (found[:, 0] <= middle) & (middle < found[:, 1])
    order = np.lexsort((np.abs(found.mean(axis=1) - middle), apart, ~covers))
    return int(order[0]), 0.0 if covers[order[0]] else float(apart[order[0]])


def _chosen(part: VideoFeatures, numbers: np.ndarray, spans: VideoFeatures) -> VideoFeatures:
    """The part with these of its segments, under the spans of another part."""
    if len(numbers) == part.num_segments and (np.diff(numbers) == 1).all():
        features, arrays = part.features, part.arrays
    else:
        features = None if part.features is None else ChosenRows(part.features, numbers)
        arrays = {name: ChosenRows(rows, numbers) for name, rows in part.arrays.items()}
    count = len(numbers)
    return replace(
        part,
        features=features,
        frame_span=spans.frame_span[:count],
        time_span=spans.time_span[:count],
        arrays=arrays,
    )


def _sizes(parts: Sequence[VideoFeatures], specs: Sequence[FeatureSpec]) -> str:
    return ", ".join(
        f"the {_words(spec)} store has {part.num_segments} segments"
        for part, spec in zip(parts, specs, strict=True)
    )


def _words(spec: FeatureSpec) -> str:
    return f"{spec.preset} {spec.modality}"
