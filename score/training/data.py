"""From lists and stores to what every seed of a run trains on: divided, read once, pooled, standardised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from data_lists import ListError, Video, check_disjoint, digest
from data_lists.video import NORMAL
from extract.runtime.text import listed
from extract.store import FeatureSpec, FeatureStore, StoreError
from score.bags.bags import BagSpec
from score.bags.cache import BagCache, read_cache
from score.bags.clip_cache import ClipCache
from score.bags.split import hold_out
from score.bags.standardise import Standardisation
from score.bags.store_access import check_present
from score.config.run import RunConfig
from score.heads import HEADS
from score.leakage.fingerprints import Collector, Fingerprints

NAMED = 5  # videos in one message


@dataclass(frozen=True)
class TrainingData:
    """What all seeds of a run share.

    validation is None where nothing can select; reason says why. lists: "train" and "validation" -> digest,
    number and ids of the videos as listed, so that evaluate can refuse to test on them. The classes of those
    that validate are told too ("held_out" of "train" where they are held out from it): thresholds are chosen on them.
    """

    train: BagCache | ClipCache
    validation: BagCache | ClipCache | None
    reason: str
    bag_spec: BagSpec
    specs: tuple[FeatureSpec, ...]
    standardisation: Standardisation | None
    lists: dict[str, dict]
    fingerprints: Fingerprints | None = None  # by which evaluate finds copies of these videos

    def to(self, device: torch.device) -> TrainingData:
        """Keep the instances on a GPU where they take less than half of its free memory."""
        if device.type == "cuda":
            caches = [cache for cache in (self.train, self.validation) if cache is not None]
            need = sum(rows.nbytes for cache in caches for rows in cache.features.values())
            if need < torch.cuda.mem_get_info(device)[0] / 2:
                for cache in caches:
                    cache.to(device)
        return self


def prepare(
    config: RunConfig,
    stores: Sequence[FeatureStore],
    videos: Sequence[Video],
    validation: Sequence[Video] = (),
    *,
    workers: int | None = None,
) -> TrainingData:
    """Divide, read, pool and standardise. Anomaly spans are dropped here, for training and validation alike.

    validation: a list of its own; empty = hold it out from the videos. workers: as of read_cache. Raises ListError for
    a test split among them, a video in both lists or a class without videos, StoreError for missing videos.
    """
    check_weak_lists(videos, validation)
    lists = {name: _digest(part) for name, part in (("train", videos), ("validation", validation)) if part}
    if validation:
        lists["validation"] |= _names(validation)
    one_class = HEADS[config.name].one_class
    _check_classes(videos, one_class=one_class)
    check_present(stores, [*videos, *validation])
    train, held, reason = _weak(videos), _weak(validation), ""
    if not held:
        split = hold_out(train, config.train.validation_share, seed=config.train.validation_seed)
        train, held, reason = split.train, split.validation, split.reason
        lists["train"]["held_out"] = _names(held)
    if one_class:
        train = [video for video in train if not video.is_anomalous]
    counts = Counter(video.event_class for video in train)
    event_classes = (NORMAL, *sorted({video.event_class for video in (*train, *held)} - {NORMAL}))
    class_counts = tuple(counts[name] for name in event_classes)
    specs = tuple(store.spec for store in stores)
    if names := HEADS[config.name].arrays:
        store = _one_store(stores, config.name)
        clips = ClipCache(store, train, names=names, event_classes=event_classes)
        selecting = (
            ClipCache(store, held, names=names, event_classes=event_classes, like=clips) if held else None
        )
        return TrainingData(
            train=clips,
            validation=selecting,
            reason=reason,
            standardisation=None,
            lists=lists,
            bag_spec=BagSpec({}, event_classes, class_counts, clips.shapes),
            specs=specs,
        )

    collector = Collector()
    standardised = config.data.standardise == "feature"
    cache, moments = read_cache(
        stores,
        train,
        segments=config.data.segments,
        event_classes=event_classes,
        moments=standardised,
        on_video=collector.add,
        workers=workers,
    )
    stats = Standardisation.from_moments(moments) if standardised else None
    cache.transform(stats, normalise=config.data.normalise)
    selecting = None
    if held:
        selecting, _ = read_cache(
            stores,
            held,
            segments=config.data.scoring_segments,
            event_classes=event_classes,
            on_video=collector.add,
            workers=workers,
        )
        selecting.transform(stats, normalise=config.data.normalise)
    dims = {modality: rows.shape[-1] for modality, rows in cache.features.items()}
    return TrainingData(
        train=cache,
        validation=selecting,
        reason=reason,
        standardisation=stats,
        lists=lists,
        bag_spec=BagSpec(dims, event_classes, class_counts),
        specs=specs,
        fingerprints=collector.finish(),
    )


def _one_store(stores: Sequence[FeatureStore], head: str) -> FeatureStore:
    if len(stores) != 1:
        raise StoreError(
            f"{len(stores)} stores are given; the head {head} takes one, with clips of pixels and people"
        )
    return stores[0]


def check_weak_lists(videos: Sequence[Video], validation: Sequence[Video]) -> None:
    """Raise ListError for videos of a test split, and for videos in both lists."""
    of_test = [video.video_id for video in (*videos, *validation) if video.split == "test"]
    if of_test:
        raise ListError(
            [
                f"{len(of_test)} videos are of a test split ({listed(of_test, shown=NAMED)}); only evaluate and benchmark may read it"
            ]
        )
    try:
        check_disjoint(videos, validation)
    except ListError:
        shared = sorted({video.video_id for video in videos} & {video.video_id for video in validation})
        raise ListError(
            [
                f"{len(shared)} videos are in the training list and in the validation list: {listed(shared, shown=NAMED)}"
            ]
        ) from None


def _check_classes(videos: Sequence[Video], *, one_class: bool) -> None:
    anomalous = sum(video.is_anomalous for video in videos)
    normal = len(videos) - anomalous
    if normal == 0 or (anomalous == 0 and not one_class):
        lacking = "normal" if normal == 0 else "anomalous"
        raise ListError(
            [
                f"the training list has {anomalous} anomalous and {normal} normal videos: no {lacking} one; "
                f"event_class is {NORMAL!r} for normal videos and any other name for anomalous ones"
            ]
        )


def _weak(videos: Sequence[Video]) -> list[Video]:
    return [replace(video, anomaly_spans=()) for video in videos]


def _digest(videos: Sequence[Video]) -> dict:
    return {
        "digest": digest(videos),
        "videos": len(videos),
        "video_ids": sorted(video.video_id for video in videos),
    }


def _names(videos: Sequence[Video]) -> dict:
    ordered = sorted(videos, key=lambda video: video.video_id)
    return {
        "video_ids": [video.video_id for video in ordered],
        "event_classes": [video.event_class for video in ordered],
    }
