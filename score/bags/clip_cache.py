"""Bags of clips of pixels and people, read from the store on demand because they are large."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from data_lists import Video
from extract.store import FeatureStore, StoreError
from score.bags.bags import Bags
from score.bags.store_access import check_present

KEPT_BYTES = 1 << 30  # rows that stay in memory once read; the others are read again each time
SAME_SIZE = "a head takes one size: extract with --set resize.mode=exact --set resize.size=[HEIGHT,WIDTH]"
CHUNK = 32  # clips in memory at a time when a video is not needed as one bag


class ClipCache:
    """Like BagCache, for the arrays of one store instead of features; the instances are the segments.

    shapes: name -> shape of one segment. like: a cache whose shapes these videos must have. Raises StoreError
    for a video without segments or of another shape.
    """

    features: dict[str, Tensor] = {}
    num_crops = 1
    rows_at_once = CHUNK

    def __init__(
        self,
        store: FeatureStore,
        videos: Sequence[Video],
        *,
        names: Sequence[str],
        event_classes: Sequence[str],
        kept_bytes: int = KEPT_BYTES,
        like: ClipCache | None = None,
    ):
        check_present([store], videos)
        self.store, self.names = store, arrays_in(store, names)
        self.video_ids = tuple(video.video_id for video in videos)
        # A video without a group is a group of its own, as when videos are held out.
        self.groups = tuple(video.group or video.video_id for video in videos)
        self.length = torch.tensor([store.header(video).num_segments for video in self.video_ids])
        self.start = self.length.cumsum(0) - self.length
        self.label = torch.tensor([float(video.is_anomalous) for video in videos])
        self.event_class = torch.tensor([event_classes.index(video.event_class) for video in videos])
        self._kept: dict[tuple[str, int], dict[str, np.ndarray]] = {}
        self._unused_bytes = kept_bytes
        self.shapes = self._common_shapes(like)

    def segment_scores(self, video: int, score: np.ndarray) -> np.ndarray:
        """The segment scores [N] of a video, from those of its segments and their padding, [T]."""
        return score[: int(self.length[video])]

    def __len__(self) -> int:
        return len(self.video_ids)

    def to(self, _device: torch.device | str) -> ClipCache:
        """Does nothing: clips stay on the disk."""
        return self

    def bags(
        self,
        videos: Tensor,
        *,
        window: int | None = None,
        crops: str = "all",
        background_swap: float = 0.0,
        feature_dropout: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> Bags:
        """The bags of some videos, int64 [B], padded to the longest of them; see BagCache.bags."""
        # Clips have one crop and no features, and configs refuse to swap the background of pixels.
        del crops, background_swap, feature_dropout
        first, length = torch.zeros_like(videos), self.length[videos]
        if window is not None:
            latest = (length - window).clamp(min=0)
            first = (torch.rand(len(videos), generator=generator) * (latest + 1)).long().minimum(latest)
            length = length.clamp(max=window)
        return self._bags(videos, first, length)

    def chunks(self, size: int = CHUNK) -> Iterator[Bags]:
        """Bags of every segment of every video once, at most `size` segments in memory at a time."""
        for video, length in enumerate(self.length.tolist()):
            for first in range(0, length, size):
                count = min(size, length - first)
                yield self._bags(*(torch.tensor([value]) for value in (video, first, count)))

    def _bags(self, videos: Tensor, first: Tensor, length: Tensor) -> Bags:
        longest = int(length.max())
        arrays: dict[str, Tensor] = {}
        places = zip(videos.tolist(), first.tolist(), length.tolist(), strict=True)
        for bag, (video, begin, count) in enumerate(places):
            for name, rows in self._read(self.video_ids[video], begin, count).items():
                if name not in arrays:
                    arrays[name] = torch.zeros(
                        len(videos), longest, *rows.shape[1:], dtype=torch.from_numpy(rows).dtype
                    )
                arrays[name][bag, :count] = torch.from_numpy(rows)
        return Bags(
            features={},
            mask=torch.arange(longest) < length[:, None],
            label=self.label[videos],
            event_class=self.event_class[videos],
            video=videos,
            arrays=arrays,
        )

    def _read(self, video_id: str, first: int, count: int) -> dict[str, np.ndarray]:
        places = range(first, first + count)
        if not all((video_id, place) in self._kept for place in places):
            rows = self.store.rows(video_id, self.names, slice(first, first + count))
            size = sum(each.nbytes for each in rows.values())
            if size <= self._unused_bytes:
                self._unused_bytes -= size
                for number, place in enumerate(places):
                    self._kept[video_id, place] = {name: each[number] for name, each in rows.items()}
            return rows
        kept = [self._kept[video_id, place] for place in places]
        return {name: np.stack([each[name] for each in kept]) for name in self.names}

    def _common_shapes(self, like: ClipCache | None) -> dict[str, tuple[int, ...]]:
        first = (like or self).video_ids[0]
        shapes: dict[str, tuple[int, ...]] = dict(like.shapes) if like else {}
        for video_id, length in zip(self.video_ids, self.length.tolist(), strict=True):
            if not length:
                raise StoreError(f"{video_id}: no segment in {self.store.root}; leave it out of the list")
            own = {
                name: rows.shape[1:]
                for name, rows in self.store.rows(video_id, self.names, slice(0, 1)).items()
            }
            shapes = shapes or own
            for name, shape in own.items():
                if shape != shapes[name]:
                    raise StoreError(
                        f"{video_id}: its clips' {name} has shape {list(shape)}, that of {first} "
                        f"{list(shapes[name])}; {SAME_SIZE}"
                    )
        return shapes


def arrays_in(store: FeatureStore, names: Sequence[str]) -> tuple[str, ...]:
    """The arrays of a head that a store has; names are those of Head.arrays. Raises StoreError."""
    present = set(store.spec.arrays)
    # "?" marks an array that the head can do without.
    if lacking := [name for name in names if not name.endswith("?") and name not in present]:
        raise StoreError(
            f"{store.root} ({store.spec.preset}) has no {', '.join(lacking)}; this head takes arrays, which "
            f"vad-extract run --preset {_maker(lacking[0])} creates"
        )
    return tuple(name for name in (each.rstrip("?") for each in names) if name in present)


def _maker(array: str) -> str:
    """The preset whose stores have an array."""
    return {"speed": "speed"}.get(array, "regions" if array.startswith(("region_", "crop_")) else "reclass")
