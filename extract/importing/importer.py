"""Importing published features into a store, matched to a list, with a report of what does not fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from data_lists import Video
from extract.importing.layouts import LAYOUTS, Entry, plain_name
from extract.importing.spans import imported_spans
from extract.runtime.text import listed
from extract.runtime.versions import EXTRACTION, versions
from extract.store import FeatureStore, StoreError, VideoFeatures
from extract.store.failures import Failure, write_failures
from extract.store.spec import FeatureSpec


@dataclass
class ImportReport:
    """What an import did."""

    done: int = 0
    skipped: int = 0
    failed: list[Failure] = field(default_factory=list)
    # Listed videos without features.
    missing: list[str] = field(default_factory=list)
    # Features of no listed video.
    extra: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ImportSettings:
    """What the features are, as far as their source states it; all of it is recorded in the spec."""

    # Key of LAYOUTS.
    layout: str
    # Frames per row.
    clip_length: int = 16
    # Which frames a row covers, one of CONVENTIONS; None = the layout's own.
    convention: str | None = None
    # Name of the array in npz, path of a video's rows in hdf5.
    dataset: str | None = None
    backbone: str = "unknown"
    modality: str = "rgb"
    # Frames per second of the videos, for times; None = unknown, and times are computed at 25.
    fps: float | None = None


def import_features(
    source: Path, videos: Sequence[Video], store_root: Path, settings: ImportSettings
) -> ImportReport:
    """Write a store of the listed videos; videos that do not fit are in the report.

    The first sound video decides D and the number of crops. Raises ValueError if nothing can be read or a
    name is ambiguous, StoreError for a store of another spec.
    """
    read, convention = LAYOUTS[settings.layout]
    convention = settings.convention or convention
    entries = {entry.name: entry for entry in read(source, settings.dataset)}
    if not entries:
        raise ValueError(f"{source}: no features of the layout {settings.layout} in it")
    matched = match(entries, videos)
    report = ImportReport(
        missing=[video.video_id for video in videos if video.video_id not in matched],
        extra=sorted(set(entries) - {entry.name for entry in matched.values()}),
    )
    store = None
    for video in videos:
        if video.video_id not in matched:
            continue
        try:
            rows = checked_rows(matched[video.video_id].load())
            # The spec needs the shape of the first rows.
            if store is None:
                store = FeatureStore.create(store_root, _spec(rows, settings, convention))
                store.remove_stale(among=matched)
            if video.video_id in store:
                report.skipped += 1
                continue
            store.write(_features(video, rows, settings, convention, matched[video.video_id].name))
            report.done += 1
        except StoreError as error:
            if store is None:  # no video could be stored
                raise
            report.failed.append(
                Failure(video.video_id, "import", str(error).removeprefix(f"{video.video_id}: "))
            )
        except ValueError as error:
            report.failed.append(Failure(video.video_id, "import", str(error)))
    if store is not None:
        write_failures(store, report.failed)
    return report


def match(entries: dict[str, Entry], videos: Sequence[Video]) -> dict[str, Entry]:
    """video_id -> its entry, by full id or by the last path component if that is unique on both sides."""
    entry_names = Counter(plain_name(name) for name in entries)
    video_names = Counter(plain_name(video.video_id) for video in videos)
    by_name = {plain_name(name): entry for name, entry in entries.items()}
    matched, ambiguous = {}, []
    for video in videos:
        name = plain_name(video.video_id)
        if video.video_id in entries:
            matched[video.video_id] = entries[video.video_id]
        elif name in by_name and entry_names[name] == video_names[name] == 1:
            matched[video.video_id] = by_name[name]
        elif name in by_name:
            among = sorted(each for each in entries if plain_name(each) == name)
            ambiguous.append(
                f"{video.video_id}: {name} is not unique ({listed(among, shown=3)}); "
                "name the files by full id"
            )
    if ambiguous:
        raise ValueError("\n".join(ambiguous))
    return matched


def checked_rows(rows: np.ndarray) -> np.ndarray:
    """The rows of a file as float32 [N, C, D]. Raises ValueError for other shapes and non-finite numbers."""
    if rows.dtype.kind not in "fiu":
        raise ValueError(f"features are of dtype {rows.dtype}, expected numbers")
    if rows.ndim == 2:
        rows = rows[:, None]
    if rows.ndim != 3 or 0 in rows.shape:
        raise ValueError(f"features have shape {list(rows.shape)}, expected [N, D] or [N, C, D]")
    if bad := int((~np.isfinite(rows)).sum()):
        raise ValueError(f"{bad} of {rows.size} values are NaN or infinite")
    return rows.astype(np.float32)


def _spec(rows: np.ndarray, settings: ImportSettings, convention: str) -> FeatureSpec:
    return FeatureSpec(
        preset=f"imported-{settings.layout}",
        backbone=settings.backbone,
        weights="unknown",
        modality=settings.modality,
        clip_length=settings.clip_length,
        segment_stride=settings.clip_length,
        feature_dim=rows.shape[2],
        num_crops=rows.shape[1],
        crops="unknown",
        preprocessing={"frame_spans": convention},
        imported=True,
    )


def _features(
    video: Video, rows: np.ndarray, settings: ImportSettings, convention: str, name: str
) -> VideoFeatures:
    spans, num_frames = imported_spans(
        convention, len(rows), num_frames=video.num_frames, clip_length=settings.clip_length
    )
    return VideoFeatures(
        video.video_id,
        rows,
        spans,
        spans / (settings.fps or 25.0),
        num_frames=num_frames,
        fps=settings.fps or 0.0,
        decode={"decoder": "imported"},
        source={"path": name},
        provenance={"versions": versions(EXTRACTION)},
    )
