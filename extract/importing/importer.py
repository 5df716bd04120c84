"""Importing published features into a store, matched to a list, with a report of what does not fit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from data_lists import Video
from data_lists.name_matching import NameMatches, difference, match_names
from extract.importing.axes import as_float32, oriented
from extract.importing.found_features import Entry, Found
from extract.importing.import_report import SHOWN, ImportedShapes, ImportReport
from extract.importing.layouts import LAYOUTS, find_features
from extract.importing.spans import frame_rule, imported_spans, possible_rows
from extract.runtime.text import counted, listed
from extract.runtime.versions import EXTRACTION, versions
from extract.store import FeatureStore, StoreError, VideoFeatures
from extract.store.failures import Failure, write_failures
from extract.store.spec import IMPORTED, FeatureSpec

# Near misses are looked for this many times; each costs a comparison with hundreds of names.
EXPLAINED = 20


@dataclass(frozen=True)
class ImportSettings:
    """What the features are, as far as their source states it; it is recorded in the spec and the files."""

    # Key of LAYOUTS.
    layout: str
    # Frames per row.
    clip_length: int = 16
    # Frames from the start of a row to the start of the next; None = clip_length. Only for clips.
    stride: int | None = None
    # Which frames a row covers, one of CONVENTIONS; None = the layout's own.
    convention: str | None = None
    # Name of the array in npz, pt and mat, path of a video's rows in hdf5.
    dataset: str | None = None
    # Where the id stands in the path of a file, such as {id}_i3d.npy; None = the path is the name.
    pattern: str | None = None
    # Order of the axes, one of axes.ORDERS; None = NCD, and what looks like another order is refused.
    axes: str | None = None
    # Network behind the features; None = the layout's own, else unknown.
    backbone: str | None = None
    # One of MODALITIES; None = the layout's own.
    modality: str | None = None
    # Frames per second of the videos, for times; None = unknown, and times are computed at 25.
    fps: float | None = None

    def __post_init__(self):
        """Raises ValueError for a stride with rows that are no clips."""
        if self.stride is not None and self.frames != "clips":
            raise ValueError(f"--stride is for rows that are clips, not for the convention {self.frames}")

    @property
    def frames(self) -> str:
        """The convention of the rows, the layout's own unless another is given."""
        return self.convention or LAYOUTS[self.layout].convention

    @property
    def of_modality(self) -> str:
        """The modality of the rows, the layout's own unless another is given."""
        return self.modality or LAYOUTS[self.layout].modality


def import_features(
    source: Path, videos: Sequence[Video], store_root: Path | str, settings: ImportSettings
) -> ImportReport:
    """Write a store of the listed videos; what does not fit is in the report, and the others go on.

    The first intact video decides D and the number of crops. Raises ValueError if nothing can be read,
    StoreError for a store of another spec or one that cannot be created.
    """
    _refuse_own_store(source, store_root)
    ids = [video.video_id for video in videos]
    found = find_features(
        source,
        LAYOUTS[settings.layout],
        dataset=settings.dataset,
        pattern=settings.pattern,
        modality=settings.of_modality,
        wanted=ids,
    )
    report = ImportReport(notes=found.notes)
    matches = match_names(ids, [entry.name for entry in found.entries])
    _report_names(report, found, matches)
    if not found.entries and not found.other_modality:
        reasons = "".join(f"\n{note}" for note in found.notes)
        raise ValueError(f"{source}: no features of the layout {settings.layout} in it{reasons}")
    entries = {entry.name: entry for entry in found.entries}
    store, shapes, unknown_lengths, shorter = None, ImportedShapes(), 0, 0
    for video in videos:
        if video.video_id not in matches.matched:
            continue
        if store is not None and video.video_id in store:
            report.skipped += 1
            continue
        try:
            features = _features(video, entries[matches.matched[video.video_id]], settings)
        except (ValueError, MemoryError) as error:
            reason = str(error) or "it needs more memory than there is"
            report.failed.append(Failure(video.video_id, "import", reason))
            continue
        if store is None:
            # The spec needs the shape of the first rows.
            store = FeatureStore.create(store_root, _spec(features, settings))
            store.remove_stale(among=list(matches.matched))
            if video.video_id in store:
                report.skipped += 1
                continue
        try:
            store.write(features)
        except StoreError as error:
            reason = str(error).removeprefix(f"{video.video_id}: ")
            report.failed.append(Failure(video.video_id, "import", reason))
            continue
        report.done += 1
        shapes.add(features)
        unknown_lengths += video.num_frames is None
        shorter += bool(features.frame_span[-1, 1] < features.num_frames)
    if store is not None:
        write_failures(store, report.failed)
    report.assumed = [shapes.line(), *_assumed(settings, unknown_lengths, shorter)] if report.done else []
    return report


def _assumed(settings: ImportSettings, unknown_lengths: int, shorter: int) -> list[str]:
    """The frame rule, and what is assumed where a list does not say how long a video is.

    shorter: videos whose last frames belong to no row.
    """
    rule = frame_rule(settings.frames, settings.clip_length, settings.stride)
    lines = [f"frames: {rule} (--convention {settings.frames})"]
    if settings.frames == "sound":
        known = f"; {counted(shorter, 'video')} of this import where the list says how long they are"
        lines.append(
            "where the picture has more rows than the sound, its last ones are left out when their stores "
            f"are joined (vad-score train --join cut){known if shorter else ''}"
        )
    if unknown_lengths:
        lines.append(
            f"{counted(unknown_lengths, 'video')} without num_frames in the list: taken to end with the last "
            f"row of {settings.clip_length} frames; whether the rows fit cannot be checked"
        )
    return lines


def _refuse_own_store(source: Path, store_root: Path | str) -> None:
    if isinstance(store_root, Path) and Path(source).resolve() == store_root.resolve():
        raise ValueError(f"{store_root}: --store is the place of --features; give the store one of its own")


def _report_names(report: ImportReport, found: Found, matches: NameMatches) -> None:
    for video_id in matches.ambiguous:
        report.failed.append(Failure(video_id, "import", matches.reason(video_id)))
    claimed = {name for names in matches.ambiguous.values() for name in names}
    report.missing, report.extra = matches.unmatched, sorted(set(matches.unused) - claimed)
    refusals = [each.refusal for each in found.entries if each.refusal and each.name in report.extra]
    report.notes += [f"skipped: {reason}" for reason in refusals[:EXPLAINED]]
    others = match_names(matches.unmatched, found.other_modality).matched
    for other in dict.fromkeys(found.other_modality.values()):
        names = listed([name for name, of in found.other_modality.items() if of == other], shown=SHOWN)
        report.notes.append(f"left out as features of the modality {other} (--modality {other}): {names}")
    for video_id in report.missing[:EXPLAINED]:
        name = others.get(video_id)
        other = found.other_modality.get(name or "")
        report.near_misses[video_id] = (
            matches.reason(video_id)
            if other is None
            else f"only {name} is there, of the modality {other} (--modality {other})"
        )
    pairs = matches.matched.items()
    forms = [f"{name} for {video_id}" for video_id, name in pairs if "NFC" in difference(video_id, name)]
    if forms:
        meaning = "names in another Unicode form (NFC or NFD) are taken as equal"
        report.notes.append(f"{meaning}: {listed(forms, shown=SHOWN)}")
    elsewhere = [f"{name} for {video_id}" for video_id, name in pairs if _folders_differ(video_id, name)]
    if elsewhere:
        meaning = "names are taken by their last part although the folders differ"
        report.notes.append(f"{meaning}: {listed(elsewhere, shown=SHOWN)}")


def _folders_differ(video_id: str, name: str) -> bool:
    folders = [PurePosixPath(each).parent.name for each in (video_id, name)]
    return all(folders) and folders[0] != folders[1]


def _features(video: Video, entry: Entry, settings: ImportSettings) -> VideoFeatures:
    """Raises ValueError that says what does not fit."""
    possible = possible_rows(settings.frames, video.num_frames, settings.clip_length, settings.stride)
    rows = _rows(entry, settings.axes, possible)
    expected = LAYOUTS[settings.layout].feature_dim
    if rows.shape[2] != (expected or rows.shape[2]):
        raise ValueError(f"rows of {rows.shape[2]} numbers, expected the {expected} of {settings.layout}")
    spans, num_frames = imported_spans(
        settings.frames,
        len(rows),
        num_frames=video.num_frames,
        clip_length=settings.clip_length,
        stride=settings.stride,
    )
    return VideoFeatures(
        video.video_id,
        rows,
        spans,
        spans / (settings.fps or 25.0),
        num_frames=num_frames,
        fps=settings.fps or 0.0,
        decode={"decoder": "imported"},
        source={"path": entry.name},
        provenance={
            "versions": versions(EXTRACTION),
            "import": {
                "layout": settings.layout,
                "pattern": settings.pattern,
                "axes": settings.axes or "NCD",
            },
        },
    )


def _rows(entry: Entry, axes: str | None, possible: Collection[int] | None) -> np.ndarray:
    """Float32 [N, C, D] of one array, or of one array per crop."""
    parts = [oriented(load(), axes, possible) for load in entry.loads]
    shapes = sorted({part.shape for part in parts})
    if len(parts) > 1 and (len(shapes) > 1 or shapes[0][1] != 1):
        raise ValueError(f"crops have shapes {[list(each) for each in shapes]}, expected one shape [N, 1, D]")
    return as_float32(parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1))


def _spec(video: VideoFeatures, settings: ImportSettings) -> FeatureSpec:
    """The same for the same numbers, whatever kind of file they came in."""
    assert video.features is not None
    _, num_crops, feature_dim = video.features.shape
    return FeatureSpec(
        preset=IMPORTED,
        backbone=settings.backbone or LAYOUTS[settings.layout].backbone,
        weights="unknown",
        modality=settings.of_modality,
        clip_length=settings.clip_length,
        segment_stride=settings.stride or settings.clip_length,
        feature_dim=feature_dim,
        num_crops=num_crops,
        crops="unknown",
        preprocessing={"frame_spans": settings.frames},
        imported=True,
    )
