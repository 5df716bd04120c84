"""Explains the most anomalous regions of a video: JSON, and a sheet with the nearest normal regions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from extract.runtime.atomic import write_bytes
from extract.store import FeatureStore, StoreError, VideoFeatures
from extract.store.output_file import marked_png
from score.heads.attributes import Attributes
from score.heads.attributes_parts.normal_regions import number_of
from score.heads.attributes_parts.reasons import Nearest, Reason
from score.predict.extraction import ExtractionSettings
from score.predict.output.frame_replay import ReplayError, replay
from score.predict.output.reason_sheet import FramePicker, reason_sheet, write_reasons
from score.scoring.scorer import Scorer

SHOWN = 8  # regions, each of another track
KINDS = {".regions.json": "regions JSON", ".regions.png": "PNG figure"}  # suffix -> kind of output_file


def explain_regions(
    scorer: Scorer, features: VideoFeatures, place: Path, *, store: FeatureStore, root: Path
) -> list[Reason]:
    """Write PLACE.regions.json and PLACE.regions.png. Raises ReplayError if the video cannot be decoded.

    store: has the frame numbers of training videos. root: of the video files; a training video that is not
    there has no picture.
    """
    assert isinstance(scorer.head, Attributes)
    reasons = scorer.head.reasons(scorer.bags(features), count=SHOWN)
    known = {number_of(name): name for name in scorer.checkpoint.lists["train"]["video_ids"]}
    frame = features.frame_span[:, 0]
    reasons_json = place.with_name(f"{place.name}.regions.json")
    write_reasons(reasons_json, reasons, frame=frame, names=known.get)
    pictures = _frames(
        features.video_id, {int(frame[each.row]) for each in reasons}, root, features.num_frames
    )
    sheet = reason_sheet(
        reasons,
        picture=lambda reason: pictures.get(int(frame[reason.row])),
        normal=_normal_pictures(reasons, known, store, root),
        frame=frame,
    )
    import cv2

    written, png = cv2.imencode(".png", sheet[:, :, ::-1])
    if not written:
        raise ValueError(f"{features.video_id}: the sheet of its regions cannot be encoded as PNG")
    write_bytes(place.with_name(f"{place.name}.regions.png"), marked_png(png.tobytes()))
    return reasons


def _normal_pictures(
    reasons: list[Reason], known: dict[int, str], store: FeatureStore, root: Path
) -> Callable[[Nearest], np.ndarray | None]:
    """The frames of the first normal example of each reason, as far as their videos are at hand."""
    wanted: dict[str, set[int]] = {}
    for reason in reasons:
        for nearest in list(reason.nearest.values())[:1]:
            if nearest.video in known:
                wanted.setdefault(known[nearest.video], set()).add(nearest.frame)
    found: dict[tuple[str, int], np.ndarray] = {}
    for name, rows in wanted.items():
        try:
            features = store.read(name)
            native = {row: int(features.frame_span[row, 0]) for row in rows if row < features.num_segments}
            pictures = _frames(name, set(native.values()), root, features.num_frames)
        except (StoreError, ReplayError, OSError):
            continue
        found |= {(name, row): pictures[number] for row, number in native.items() if number in pictures}
    return lambda nearest: found.get((known.get(nearest.video, ""), nearest.frame))


def _frames(video_id: str, wanted: set[int], root: Path, num_frames: int) -> dict[int, np.ndarray]:
    picker = FramePicker(wanted)
    if wanted:
        replay(video_id, [picker], root=root, num_frames=num_frames, settings=ExtractionSettings())
    return picker.pictures
