"""Stores of one spec with different videos, such as recordings and clips of alerts: parts of one store."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from data_lists import Video
from extract.store import FeatureStore, StoreError
from score.bags.cache import BagCache, read_cache
from score.pooling.moments import Moments
from score.pooling.pooled_video import PooledVideo
from score.pooling.rules import SegmentsConfig


def store_parts(stores: Sequence[FeatureStore], videos: Sequence[Video]) -> list[list[FeatureStore]]:
    """The stores in parts, each with one store of every spec; one part unless specs repeat.

    Stores of one spec that share a listed video are joined, as stores of different specs are. Raises
    StoreError for parts with other specs than the first.
    """
    wanted = {video.video_id for video in videos}
    parts: list[list[FeatureStore]] = []
    known: list[set[str]] = []
    for store in stores:
        own = wanted & set(store.ids())
        for part, ids in zip(parts, known, strict=True):
            # Only stores with videos of their own can be another part of the same store.
            if own & ids or not any(_same_spec(store, other) for other in part):
                part.append(store)
                ids |= own
                break
        else:
            parts.append([store])
            known.append(own)
    specs = {store.spec.preset for store in parts[0]}
    for part in parts[1:]:
        if lacking := specs - {store.spec.preset for store in part}:
            raise StoreError(
                f"{part[0].root} holds other videos than {parts[0][0].root}, but not their "
                f"{', '.join(sorted(lacking))}; give the store with these, too"
            )
    return parts


def read_parts(
    parts: Sequence[Sequence[FeatureStore]],
    videos: Sequence[Video],
    *,
    segments: SegmentsConfig,
    event_classes: Sequence[str],
    moments: bool = False,
    on_video: Callable[[PooledVideo], None] = lambda _video: None,
    workers: int | None = None,
) -> tuple[BagCache, dict[str, Moments]]:
    """As read_cache, of videos each of which is in one part; they come in the order of the parts."""
    caches, total = [], {}
    for part, own in zip(parts, divided(parts, videos), strict=True):
        if not own:
            continue
        cache, found = read_cache(
            part,
            own,
            segments=segments,
            event_classes=event_classes,
            moments=moments,
            on_video=on_video,
            workers=workers,
        )
        caches.append(cache)
        for name, each in found.items():
            total.setdefault(name, Moments()).merge(each)
    return joined_caches(caches), total


def divided(parts: Sequence[Sequence[FeatureStore]], videos: Sequence[Video]) -> list[list[Video]]:
    """The videos of each part, in their order; those of no part go to the first, which will miss them."""
    if len(parts) == 1:
        return [list(videos)]
    known = [set.intersection(*(set(store.ids()) for store in part)) for part in parts]
    found: list[list[Video]] = [[] for _ in parts]
    for video in videos:
        found[next((place for place, ids in enumerate(known) if video.video_id in ids), 0)].append(video)
    return found


def joined_caches(caches: Sequence[BagCache]) -> BagCache:
    """One cache with the videos of all, in their order."""
    if len(caches) == 1:
        return caches[0]
    length = torch.cat([cache.length for cache in caches])
    return BagCache(
        features={name: torch.cat([cache.features[name] for cache in caches]) for name in caches[0].features},
        start=length.cumsum(0) - length,
        length=length,
        label=torch.cat([cache.label for cache in caches]),
        event_class=torch.cat([cache.event_class for cache in caches]),
        video_ids=tuple(name for cache in caches for name in cache.video_ids),
        num_segments=tuple(count for cache in caches for count in cache.num_segments),
        segments=caches[0].segments,
    )


def _same_spec(one: FeatureStore, other: FeatureStore) -> bool:
    return not one.spec.differences(other.spec)
