"""From lists and stores to what every seed of a run trains on: split, read once, pooled, standardised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import torch

from data_lists import ListError, Video, check_disjoint, digest
from data_lists.video import NORMAL
from extract.runtime.text import listed
from extract.store import FeatureSpec, FeatureStore, StoreError
from extract.store.texts import ClassTexts
from score.bags.bags import BagSpec
from score.bags.cache import BagCache
from score.bags.clip_cache import ClipCache
from score.bags.split import HoldOut, hold_out
from score.bags.standardise import Standardisation, has_unit_rows
from score.bags.store_access import check_present
from score.bags.store_parts import divided, read_parts, store_parts
from score.config.run_config import ConfigError, RunConfig
from score.heads import HEADS
from score.leakage.fingerprints import Collector, Fingerprints
from score.pooling.modality_table import modality_table, unknown_parts
from score.training.few_shots import Shots
from score.training.starting_point import StartingPoint, check_classes, predicts_classes
from score.training.training_texts import texts_for

NAMED = 5  # videos named in one message


@dataclass(frozen=True)
class TrainingData:
    """What all seeds of a run train on and validate on.

    validation: None if no video can validate; reason says why, in words. lists: "train" and
    "validation" -> digest, number and ids of the videos as listed, so that evaluate can refuse to test on
    them. The classes of the validation videos are there too, under "held_out" of "train" where they were
    held out from it, because thresholds are chosen on them. fingerprints: by which evaluate finds copies of
    these videos. starts: where the seeds start, () for random weights; see start_of.
    """

    train: BagCache | ClipCache
    validation: BagCache | ClipCache | None
    reason: str
    bag_spec: BagSpec
    specs: tuple[FeatureSpec, ...]
    standardisation: Standardisation | None
    lists: dict[str, dict]
    fingerprints: Fingerprints | None = None
    starts: tuple[StartingPoint, ...] = ()

    def to(self, device: torch.device) -> TrainingData:
        """Keep the instances on a GPU where they take less than half of its free memory."""
        if device.type == "cuda":
            caches = [cache for cache in (self.train, self.validation) if cache is not None]
            need = sum(rows.nbytes for cache in caches for rows in cache.features.values())
            if need < torch.cuda.mem_get_info(device)[0] / 2:
                for cache in caches:
                    cache.to(device)
        return self


@dataclass(frozen=True)
class _Parts:
    """Videos that train and videos that validate, without their anomaly spans, and the classes of both."""

    train: list[Video]
    validation: list[Video]
    reason: str
    lists: dict[str, dict]
    event_classes: tuple[str, ...]
    class_counts: tuple[int, ...]
    texts: ClassTexts | None = None


def prepare(
    config: RunConfig,
    stores: Sequence[FeatureStore],
    videos: Sequence[Video],
    validation: Sequence[Video] = (),
    *,
    workers: int | None = None,
    starts: Sequence[StartingPoint] = (),
    texts: ClassTexts | None = None,
    feedback: Collection[str] = (),
    shots: Shots | None = None,
) -> TrainingData:
    """Split, read, pool and standardise. Training and validation both ignore anomaly spans.

    validation: a separate list; empty = some of the videos are held out. workers: see read_cache. starts:
    checkpoints of one run to start from, whose stores, statistics, classes and texts stay, and whose hold-out
    split if all of it is listed. Stores of one spec that hold different videos are read as one. texts: of
    classes, for heads that take them; see score.training.training_texts. feedback: ids of videos that are
    drawn more often, as train.feedback_share says. shots: examples of new classes, which `videos` holds and
    `starts` have rows for; drawn more often likewise, and recorded. Raises ListError for a
    video of a test split or in both lists, or a class without videos, StoreError for missing videos,
    CheckpointError for stores or classes that the checkpoints do not fit.
    """
    if not (config.train.epochs or starts):
        raise ConfigError(["train.epochs is 0, which only a training that starts from a checkpoint may have"])
    places = store_parts(stores, [*videos, *validation])
    if starts:
        places = [starts[0].checkpoint.match_stores(each) for each in places]
    stores = places[0]
    check_weak_lists(videos, validation)
    _check_classes(videos, one_class=HEADS[config.name].one_class)
    for place, own in zip(places, divided(places, [*videos, *validation]), strict=True):
        check_present(place, own)
    _check_stores_named(config, stores)
    parts = _split(config, videos, validation, starts)
    if config.fusion.weights == "validation" and not parts.validation:
        raise ConfigError(
            [
                f"fusion.weights is 'validation', but no video validates ({parts.reason}); set "
                "train.validation_share=0.2, give --val, or use fusion.weights=equal"
            ]
        )
    if starts and predicts_classes(config, starts[0].checkpoint.bag_spec):
        parts = _in_classes_of(starts[0], parts)
    specs = [store.spec for store in stores]
    if shots is not None:
        of_class = {name: event for event, names in shots.drawn.items() for name in names}
        ids = sorted(of_class)
        shown = {"video_ids": ids, "event_classes": [of_class[name] for name in ids], "seed": shots.seed}
        parts.lists["train"]["shots"] = shown
        feedback = {*feedback, *ids}
    parts = replace(parts, texts=texts_for(config, texts, specs, parts.event_classes, starts=starts))
    if HEADS[config.name].arrays:
        return _read_clips(config, [store for place in places for store in place], parts, starts)
    data = _read_features(config, places, parts, starts, workers=workers)
    if feedback and isinstance(data.train, BagCache):
        data = replace(data, train=data.train.repeating(feedback, config.train.feedback_share))
    if shots is not None:
        # Losses that weigh classes by their number would count what is drawn more often twice.
        counts = torch.bincount(data.train.event_class, minlength=len(data.bag_spec.event_classes))
        data = replace(data, bag_spec=replace(data.bag_spec, class_counts=tuple(counts.tolist())))
    return data


def _check_swaps(config: RunConfig, train: BagCache) -> None:
    """Raise ConfigError for backgrounds that are to be swapped in rows of length one."""
    data, widths = config.data, [rows.shape[-1] for rows in train.features.values()]
    if data.exchange and any(has_unit_rows(data.normalise, width) for width in widths):
        raise ConfigError(
            [
                f"data.exchange is {data.exchange:g} with data.normalise {data.normalise!r} on "
                f"{max(widths):,} features, but swapped rows are not of length one; use data.normalise=none"
            ]
        )


def _check_stores_named(config: RunConfig, stores: Sequence[FeatureStore]) -> None:
    """Raise ConfigError for settings of stores that are not given."""
    segments, fusion = config.data.segments, config.fusion
    table = modality_table([store.spec for store in stores], segments)
    if problems := unknown_parts(
        table, data__segments__changes=segments.changes, fusion__norm=fusion.norm, fusion__width=fusion.width
    ):
        raise ConfigError(problems)


def _split(
    config: RunConfig,
    videos: Sequence[Video],
    validation: Sequence[Video],
    starts: Sequence[StartingPoint] = (),
) -> _Parts:
    lists = {name: _digest(part) for name, part in (("train", videos), ("validation", validation)) if part}
    if validation:
        lists["validation"] |= _names(validation)
    train, held, reason = _weak(videos), _weak(validation), ""
    if not held:
        split = _held_before(config, train, starts) or hold_out(
            train, config.train.validation_share, seed=config.train.validation_seed
        )
        train, held, reason = list(split.train), list(split.validation), split.reason
        lists["train"]["held_out"] = _names(held)
    if HEADS[config.name].one_class:
        train = [video for video in train if not video.is_anomalous]
    counts = Counter(video.event_class for video in train)
    event_classes = (NORMAL, *sorted({video.event_class for video in (*train, *held)} - {NORMAL}))
    return _Parts(train, held, reason, lists, event_classes, tuple(counts[name] for name in event_classes))


def _held_before(
    config: RunConfig, videos: Sequence[Video], starts: Sequence[StartingPoint]
) -> HoldOut | None:
    """The hold-out split of the run that a training starts from, if all of it is listed again.

    A new split would validate on videos that the head knows, and might hold out what it is to learn.
    """
    if not starts or not config.train.validation_share:
        return None
    held = set(starts[0].checkpoint.lists.get("train", {}).get("held_out", {}).get("video_ids", ()))
    if not held or not held <= {video.video_id for video in videos}:
        return None
    return HoldOut(
        tuple(video for video in videos if video.video_id not in held),
        tuple(video for video in videos if video.video_id in held),
    )


def _in_classes_of(start: StartingPoint, parts: _Parts) -> _Parts:
    """The parts with the event classes that a head already predicts. Raises CheckpointError for others."""
    check_classes(start, parts.event_classes)
    counts = dict(zip(parts.event_classes, parts.class_counts, strict=True))
    classes = start.checkpoint.bag_spec.event_classes
    return replace(parts, event_classes=classes, class_counts=tuple(counts.get(name, 0) for name in classes))


def _read_clips(
    config: RunConfig, stores: Sequence[FeatureStore], parts: _Parts, starts: Sequence[StartingPoint]
) -> TrainingData:
    if len(stores) != 1:
        raise StoreError(
            f"{len(stores)} stores are given; the head {config.name} takes one, of clips of pixels and people"
        )
    names, classes = HEADS[config.name].arrays, parts.event_classes
    train = ClipCache(stores[0], parts.train, names=names, event_classes=classes)
    if starts and (known := starts[0].checkpoint.bag_spec.array_shapes) != train.shapes:
        raise StoreError(
            f"{stores[0].root}: its clips have the shapes {train.shapes}, those of {starts[0].source.path} "
            f"had {known}"
        )
    validation = None
    if parts.validation:
        validation = ClipCache(stores[0], parts.validation, names=names, event_classes=classes, like=train)
    return TrainingData(
        train=train,
        validation=validation,
        reason=parts.reason,
        standardisation=None,
        lists=parts.lists,
        bag_spec=BagSpec({}, classes, parts.class_counts, train.shapes),
        specs=(stores[0].spec,),
        starts=tuple(starts),
    )


def _read_features(
    config: RunConfig,
    places: Sequence[Sequence[FeatureStore]],
    parts: _Parts,
    starts: Sequence[StartingPoint],
    *,
    workers: int | None,
) -> TrainingData:
    # A trained head keeps the statistics of its features.
    stats = starts[0].checkpoint.standardisation if starts else None
    collector, fitted = Collector(), config.data.standardise != "none" and stats is None
    train, moments = read_parts(
        places,
        parts.train,
        segments=config.data.segments,
        event_classes=parts.event_classes,
        moments=fitted,
        on_video=collector.add,
        workers=workers,
    )
    # Fitted to training videos alone; validation videos are scaled in the same way.
    if fitted:
        missing = config.data.segments.zeros == "missing"
        shrink = config.data.standardise == "width"
        stats = Standardisation.from_moments(moments, keep_zeros=missing, shrink=shrink)
    _check_swaps(config, train)
    train.transform(stats, normalise=config.data.normalise)
    validation = None
    if parts.validation:
        validation, _ = read_parts(
            places,
            parts.validation,
            segments=config.data.scoring_segments,
            event_classes=parts.event_classes,
            on_video=collector.add,
            workers=workers,
        )
        validation.transform(stats, normalise=config.data.normalise)
    dims = {modality: rows.shape[-1] for modality, rows in train.features.items()}
    specs = tuple(store.spec for store in places[0])
    return TrainingData(
        train=train,
        validation=validation,
        reason=parts.reason,
        standardisation=stats,
        lists=parts.lists,
        bag_spec=BagSpec(
            dims,
            parts.event_classes,
            parts.class_counts,
            table=modality_table(specs, config.data.segments),
            texts=parts.texts,
            added=starts[0].checkpoint.bag_spec.added if starts else 0,
        ),
        specs=specs,
        fingerprints=collector.finish(),
        starts=tuple(starts),
    )


def check_weak_lists(videos: Sequence[Video], validation: Sequence[Video]) -> None:
    """Raise ListError for videos of a test split, and for videos in both lists."""
    of_test = [video.video_id for video in (*videos, *validation) if video.split == "test"]
    if of_test:
        names = listed(of_test, shown=NAMED)
        raise ListError(
            [f"{len(of_test)} videos are from a test split ({names}), which only evaluate and benchmark read"]
        )
    try:
        check_disjoint(videos, validation)
    except ListError:
        shared = sorted({video.video_id for video in videos} & {video.video_id for video in validation})
        names = listed(shared, shown=NAMED)
        raise ListError(
            [f"{len(shared)} videos are in the training list and in the validation list: {names}"]
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
