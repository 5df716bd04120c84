"""Bags from feature stores: each video is read once, and its instances stay in memory as float32."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch
from torch import Tensor

from data_lists import Video
from extract.store import FeatureStore, StoreError
from score.bags.bags import Bags
from score.bags.free_memory import check_memory
from score.bags.standardise import PLAIN_WIDTH, Standardisation, has_unit_rows, unit_rows
from score.bags.store_access import check_present
from score.pooling.moments import Moments
from score.pooling.pool_processes import choose_workers, pooled_videos
from score.pooling.pooled_video import PooledVideo, instance_shapes
from score.pooling.rules import SegmentsConfig, num_instances, spread
from score.pooling.segment_join import num_joined


@dataclass
class BagCache:
    """All instances of V videos, one after another.

    features: modality -> float32 [R, C, D]. start, length: int64 [V], where the rows of each video are.
    label: float [V]. event_class: int64 [V]. num_segments: of each video, before pooling by `segments`;
    () where nothing was pooled.
    """

    features: dict[str, Tensor]
    start: Tensor
    length: Tensor
    label: Tensor
    event_class: Tensor
    video_ids: tuple[str, ...]
    num_segments: tuple[int, ...] = ()
    segments: SegmentsConfig | None = None

    rows_at_once = 65536  # instances per batch when scoring, which bounds memory

    def __len__(self) -> int:
        return len(self.start)

    def segment_scores(self, video: int, score: np.ndarray) -> np.ndarray:
        """The segment scores [N] of a video, from the scores of its instances and their padding, [T]."""
        score = score[: int(self.length[video])]
        if self.num_segments and self.segments is not None:
            score = spread(score, self.num_segments[video], self.segments)
        return score

    @property
    def num_crops(self) -> int:
        return next(iter(self.features.values())).shape[1]

    @cached_property
    def backgrounds(self) -> dict[str, Tensor]:
        """The median instance of each video: modality -> float32 [V, C, D]."""
        places = list(zip(self.start.tolist(), self.length.tolist(), strict=True))
        return {
            modality: torch.stack(
                [rows[start : start + length].median(dim=0).values for start, length in places]
            )
            for modality, rows in self.features.items()
        }

    def chunks(self, size: int = 64) -> Iterator[Bags]:
        """The bags of all videos, `size` videos at a time."""
        for videos in torch.arange(len(self)).split(size):
            yield self.bags(videos)

    def bags(
        self,
        videos: Tensor,
        *,
        window: int | None = None,
        crops: str = "all",
        background_swap: float = 0.0,
        feature_dropout: float = 0.0,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
    ) -> Bags:
        """The bags of some videos, int64 [B], padded to the longest of them.

        window: how many consecutive instances to take at a random place; None = all. crops: "all" gives B x C
        bags, the crops of a video next to each other; "random" one crop per video. background_swap: share of
        the videos whose median instance is swapped for that of another video, crop by crop. feature_dropout:
        probability that a feature of a wide store is 0 in all instances and crops of a video. All draw from
        the generator; of several generators each draws for an equal share of the videos.
        """
        first, length = self.start[videos], self.length[videos]
        if window is not None:
            latest = (length - window).clamp(min=0)
            drawn = _drawn(torch.rand, (len(videos),), generator)
            # A float32 below 1 may round up to latest + 1.
            first = first + (drawn * (latest + 1)).long().minimum(latest)
            length = length.clamp(max=window)
        step = torch.arange(int(length.max()))
        mask = step < length[:, None]  # [B, T]
        index = first[:, None] + torch.minimum(step, length[:, None] - 1)
        count = self.num_crops
        crop = None if crops == "all" else _drawn(partial(torch.randint, count), (len(videos), 1), generator)
        features = {modality: _gather(rows, index, crop) for modality, rows in self.features.items()}
        if background_swap:
            other = _drawn(partial(torch.randint, len(self)), (len(videos), 1), generator)[:, 0]
            drawn = _drawn(torch.rand, (len(videos), 1), generator)[:, 0]
            other = torch.where(drawn < background_swap, other, videos)
            for modality, rows in features.items():
                backgrounds = self.backgrounds[modality]
                rows += _background(backgrounds, other, crop) - _background(backgrounds, videos, crop)
        repeat = count if crop is None else 1
        if feature_dropout:
            for rows in features.values():
                if (width := rows.shape[-1]) > PLAIN_WIDTH:
                    kept = _drawn(torch.rand, (len(videos), width), generator) >= feature_dropout
                    factor = (kept / (1 - feature_dropout)).repeat_interleave(repeat, dim=0)
                    rows *= _on(rows.device, factor)[:, None]
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

    def repeating(self, video_ids: Collection[str], share: float) -> BagCache:
        """The same rows with some videos listed again, until they are about `share` of their class's videos.

        No row is copied. A class in which only these videos are, or none of them, stays as it is.
        """
        chosen = torch.tensor([name in video_ids for name in self.video_ids])
        places = [torch.arange(len(self))]
        for anomalous in (False, True):
            own = chosen & ((self.label > 0.5) == anomalous)
            count, rest = int(own.sum()), int((~chosen & ((self.label > 0.5) == anomalous)).sum())
            if count and rest and share < 1:
                times = max(1, round(share / (1 - share) * rest / count))
                places += [own.nonzero()[:, 0]] * (times - 1)
        place = torch.cat(places)
        order = place.tolist()
        return BagCache(
            self.features,
            self.start[place],
            self.length[place],
            self.label[place],
            self.event_class[place],
            tuple(self.video_ids[each] for each in order),
            tuple(self.num_segments[each] for each in order) if self.num_segments else (),
            self.segments,
        )

    def transform(self, standardisation: Standardisation | None, *, normalise: str) -> None:
        """Standardise and scale all rows in place."""
        for modality, rows in self.features.items():
            if standardisation is not None:
                standardisation.apply_(rows, modality)
            if has_unit_rows(normalise, rows.shape[-1]):
                unit_rows(rows)

    def to(self, device: torch.device | str) -> BagCache:
        """Move the rows to another device; the indices that pick them stay on the CPU."""
        self.features = {modality: rows.to(device) for modality, rows in self.features.items()}
        return self


def _drawn(draw: Callable[..., Tensor], shape: tuple[int, ...], generator) -> Tensor:
    """Random numbers; several generators draw an equal share of the first axis each."""
    generators = generator if isinstance(generator, Sequence) else [generator]
    share = (shape[0] // len(generators), *shape[1:])
    return torch.cat([draw(share, generator=each) for each in generators])


def _on(device: torch.device, values: Tensor) -> Tensor:
    """Copy CPU values to the device without waiting for its pending work."""
    return values.to(device, non_blocking=True)


def _gather(rows: Tensor, index: Tensor, crop: Tensor | None) -> Tensor:
    index = _on(rows.device, index)
    if crop is not None:
        return rows[index, _on(rows.device, crop)]  # [B, T, D]
    count = rows.shape[1]
    place = index[:, None] * count + torch.arange(count, device=rows.device)[:, None]  # [B, C, T]
    # One copy, already in the order of bags.
    return rows.flatten(0, 1)[place.flatten(0, 1)]


def _background(backgrounds: Tensor, videos: Tensor, crop: Tensor | None) -> Tensor:
    """[V, C, D] -> the background of each bag, [B, 1, D], in the order of _gather."""
    videos = _on(backgrounds.device, videos)
    if crop is None:
        return backgrounds[videos].flatten(0, 1)[:, None]
    return backgrounds[videos[:, None], _on(backgrounds.device, crop)]


def read_cache(
    stores: Sequence[FeatureStore],
    videos: Sequence[Video],
    *,
    segments: SegmentsConfig,
    event_classes: Sequence[str],
    moments: bool = False,
    on_video: Callable[[PooledVideo], None] = lambda _video: None,
    workers: int | None = None,
) -> tuple[BagCache, dict[str, Moments]]:
    """Read and pool videos; also returns the moments of their rows before pooling by modality, if requested.

    on_video: called with every video, in order. workers: processes that read; None = as many as there are
    cores if there is enough to read. The result does not depend on them. Memory: what it returns and a block
    of rows per worker; raises StoreError if less is free.
    """
    check_present(stores, videos)
    video_ids = [video.video_id for video in videos]
    if segments.mode == "mean" and segments.short == "repeat":
        lengths = [segments.n] * len(videos)
    else:
        lengths = [num_instances(num_joined(stores, name, segments), segments) for name in video_ids]
    shapes = instance_shapes([store.spec for store in stores], segments)
    check_memory(sum(lengths), shapes, videos=len(videos))
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
        on_video(video)
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
