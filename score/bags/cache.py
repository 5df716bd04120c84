"""Feature stores and a list -> bags: each video is read once, and its instances stay in memory as float32."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch
from torch import Tensor

from data_lists import Video
from extract.store import FeatureStore, StoreError
from score.bags.bags import Bags
from score.bags.free_memory import check_room
from score.bags.standardise import Standardisation, unit_rows
from score.bags.store_access import check_present
from score.pooling.moments import Moments
from score.pooling.pool_processes import choose_workers, pooled_videos
from score.pooling.pooled_video import PooledVideo, instance_shapes
from score.pooling.rules import SegmentsConfig, num_instances, spread


@dataclass
class BagCache:
    """All instances of V videos, one after another.

    features: modality -> float32 [R, C, D]. start, length: int64 [V], where a video's rows are.
    label: float [V]. event_class: int64 [V]. video_ids: V names.
    num_segments: of every video, before they were pooled as `segments` says; () where nothing was.
    """

    features: dict[str, Tensor]
    start: Tensor
    length: Tensor
    label: Tensor
    event_class: Tensor
    video_ids: tuple[str, ...]
    num_segments: tuple[int, ...] = ()
    segments: SegmentsConfig | None = None

    rows_at_once = 65536  # instances in one batch when scoring, which bounds memory

    def __len__(self) -> int:
        return len(self.start)

    def highest(self, video: int, score: np.ndarray) -> float:
        """The highest score of a segment, from those of a video's instances [T] and of their padding."""
        score = score[: int(self.length[video])]
        if self.num_segments:
            score = spread(score, self.num_segments[video], self.segments)
        return float(score.max())

    @property
    def num_crops(self) -> int:
        return next(iter(self.features.values())).shape[1]

    @cached_property
    def scenes(self) -> dict[str, Tensor]:
        """The median instance of every video: modality -> float32 [V, C, D]."""
        places = list(zip(self.start.tolist(), self.length.tolist(), strict=True))
        return {
            modality: torch.stack(
                [rows[start : start + length].median(dim=0).values for start, length in places]
            )
            for modality, rows in self.features.items()
        }

    def pieces(self, size: int = 64) -> Iterator[Bags]:
        """The bags of all videos, so many at a time."""
        for videos in torch.arange(len(self)).split(size):
            yield self.bags(videos)

    def bags(
        self,
        videos: Tensor,
        *,
        window: int | None = None,
        crops: str = "all",
        exchange: float = 0.0,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
    ) -> Bags:
        """The bags of some videos, int64 [B], padded to the longest of them.

        window: take so many neighbouring instances at a random place. crops: "all" gives B x C bags, the
        crops of a video next to each other; "random" one of them a video. exchange: share of the videos whose
        median instance is exchanged for that of another video, each crop's for the same crop's. All three
        draw from the generator; of several, each draws for an equal share of the videos.
        """
        first, length = self.start[videos], self.length[videos]
        if window is not None:
            spare = (length - window).clamp(min=0)
            drawn = _drawn(torch.rand, (len(videos),), generator)
            first = first + (drawn * (spare + 1)).long().minimum(spare)
            length = length.clamp(max=window)
        step = torch.arange(int(length.max()))
        mask = step < length[:, None]  # [B, T]
        index = first[:, None] + torch.minimum(step, length[:, None] - 1)
        count = self.num_crops
        crop = None if crops == "all" else _drawn(partial(torch.randint, count), (len(videos), 1), generator)
        features = {modality: _gather(rows, index, crop) for modality, rows in self.features.items()}
        if exchange:
            other = _drawn(partial(torch.randint, len(self)), (len(videos), 1), generator)[:, 0]
            drawn = _drawn(torch.rand, (len(videos), 1), generator)[:, 0]
            other = torch.where(drawn < exchange, other, videos)
            for modality, rows in features.items():
                scenes = self.scenes[modality]
                rows += _scene(scenes, other, crop) - _scene(scenes, videos, crop)
        repeat = count if crop is None else 1
        mask, video = mask.repeat_interleave(repeat, dim=0), videos.repeat_interleave(repeat)
        device = next(iter(features.values())).device
        if not bool(mask.all()):
            padding = ~_on(device, mask)[:, :, None]
            features = {modality: rows.masked_fill(padding, 0.0) for modality, rows in features.items()}
        return Bags(
            features=features,
            mask=_on(device, mask),
            label=_on(device, self.label[video]),
            event_class=_on(device, self.event_class[video]),
            video=_on(device, video),
        )

    def transform(self, standardisation: Standardisation | None, *, normalise: str) -> None:
        """Standardise and scale all rows in place."""
        for modality, rows in self.features.items():
            if standardisation is not None:
                standardisation.apply_(rows, modality)
            if normalise == "l2":
                unit_rows(rows)

    def to(self, device: torch.device | str) -> BagCache:
        """The same cache with its rows on another device; what picks them stays on the CPU."""
        self.features = {modality: rows.to(device) for modality, rows in self.features.items()}
        return self


def _drawn(draw: Callable[..., Tensor], shape: tuple[int, ...], generator) -> Tensor:
    """Random numbers, of several generators an equal share of the first axis each."""
    generators = generator if isinstance(generator, Sequence) else [generator]
    share = (shape[0] // len(generators), *shape[1:])
    return torch.cat([draw(share, generator=each) for each in generators])


def _on(device: torch.device, values: Tensor) -> Tensor:
    """Values of the CPU on the device, without waiting for what a GPU is still busy with."""
    return values.to(device, non_blocking=True)


def _gather(rows: Tensor, index: Tensor, crop: Tensor | None) -> Tensor:
    index = _on(rows.device, index)
    if crop is not None:
        return rows[index, _on(rows.device, crop)]  # [B, T, D]
    count = rows.shape[1]
    place = index[:, None] * count + torch.arange(count, device=rows.device)[:, None]  # [B, C, T]
    return rows.flatten(0, 1)[place.flatten(0, 1)]  # copied once, in the order of bags


def _scene(scenes: Tensor, videos: Tensor, crop: Tensor | None) -> Tensor:
    """Of each bag, [V, C, D] -> [B, 1, D], in the order of _gather."""
    videos = _on(scenes.device, videos)
    return (
        scenes[videos].flatten(0, 1)[:, None]
        if crop is None
        else scenes[videos[:, None], _on(scenes.device, crop)]
    )


def read_cache(
    stores: Sequence[FeatureStore],
    videos: Sequence[Video],
    *,
    segments: SegmentsConfig,
    event_classes: Sequence[str],
    moments: bool = False,
    seen: Callable[[PooledVideo], None] = lambda video: None,
    workers: int | None = None,
) -> tuple[BagCache, dict[str, Moments]]:
    """Read videos, pool them, and return them with the moments of their unpooled rows by modality, if those are asked
    for. Takes the memory of what it returns and of a block of rows a worker; raises StoreError where the
    machine has not as much.

    seen: is told of every video, in order. workers: processes that read, None = cores where there is enough
    to read; the result does not depend on it.
    """
    check_present(stores, videos)
    video_ids = [video.video_id for video in videos]
    if segments.mode == "mean":
        lengths = [segments.n] * len(videos)
    else:
        lengths = [num_instances(stores[0].header(name).num_segments, segments) for name in video_ids]
    shapes = instance_shapes([store.spec for store in stores], segments)
    check_room(sum(lengths), shapes, videos=len(videos))
    features = {modality: torch.empty(sum(lengths), *shape) for modality, shape in shapes.items()}
    start = torch.tensor([0, *lengths]).cumsum(0)

    def place(number: int, num_segments: int) -> dict[str, np.ndarray]:
        if num_instances(num_segments, segments) != lengths[number]:
            raise StoreError(f"{video_ids[number]}: its file changed while it was read")
        return {name: rows[start[number] : start[number + 1]].numpy() for name, rows in features.items()}

    pooled = pooled_videos(
        stores,
        video_ids,
        segments,
        place=place,
        moments=moments,
        workers=workers or choose_workers(stores, video_ids),
    )
    total: dict[str, Moments] = {modality: Moments() for modality in shapes} if moments else {}
    for video in pooled:
        seen(video)
        for modality, each in video.moments.items():
            total[modality].merge(each)
    cache = BagCache(
        features=features,
        start=start[:-1],
        length=torch.tensor(lengths),
        label=torch.tensor([float(video.is_anomalous) for video in videos]),
        event_class=torch.tensor([event_classes.index(video.event_class) for video in videos]),
        video_ids=tuple(video_ids),
        num_segments=tuple(video.num_segments for video in pooled),
        segments=segments,
    )
    return cache, total
