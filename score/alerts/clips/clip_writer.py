"""A moment of a camera on disk: a video that browsers play, and its features as the checkpoint needs them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from extract.runtime.foreign.printable import as_utf8
from extract.store import FeatureSpec, FeatureStore, VideoFeatures
from score.alerts.clips.camera_ring import KeptPicture, Moment
from score.predict.output.h264 import H264File

KIND = "alert video"


def write_clip(path: Path, pictures: Sequence[KeptPicture]) -> None:
    """Write an mp4, atomically; times count from its first picture. Raises OSError, and ValueError if empty.

    It has the size of its middle picture. Pictures of another size (the camera changed it) are fitted in.
    """
    if not pictures:
        raise ValueError("no picture is kept of that time")
    middle = pictures[len(pictures) // 2]
    begin, seconds = pictures[0].seconds, pictures[-1].seconds - pictures[0].seconds
    fps = (len(pictures) - 1) / seconds if len(pictures) > 1 and seconds > 0 else 1.0
    file = H264File(path, kind=KIND, fps=fps, width=middle.width, height=middle.height)
    try:
        for each in pictures:
            file.add(_fitted(each.rgb(), middle.width, middle.height), each.seconds - begin)
        file.close()
    except BaseException:
        file.discard()
        raise


def _fitted(rgb: np.ndarray, width: int, height: int) -> np.ndarray:
    """The picture inside a black one of that size, its shape kept."""
    import cv2

    if rgb.shape[:2] == (height, width):
        return rgb
    scale = min(width / rgb.shape[1], height / rgb.shape[0])
    inner = min(width, round(rgb.shape[1] * scale)), min(height, round(rgb.shape[0] * scale))
    fitted = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    fitted[top : top + inner[1], left : left + inner[0]] = cv2.resize(rgb, inner)
    return fitted


class ClipStores:
    """Stores of the specs of one checkpoint below a folder, each named by its preset.

    Specs whose features are no plain rows (such as those of reclass) have no store. Raises StoreError for a
    store of other settings.
    """

    def __init__(self, folder: Path, specs: Sequence[FeatureSpec]):
        self.places: list[tuple[int, Path]] = []
        for number, spec in enumerate(specs):
            if spec.feature_dim and not spec.arrays:
                name = "".join(each if each.isalnum() or each in "-_." else "_" for each in spec.preset)
                taken = {path.name for _, path in self.places}
                self.places.append((number, folder / (name if name not in taken else f"{name}_{number}")))
        self.stores = [FeatureStore.create(path, specs[number]) for number, path in self.places]

    def write(self, alert_id: str, moment: Moment, *, source: str) -> bool:
        """Write the rows of a moment's segments; False without any. source: path of its clip.

        Frames and seconds count from the first segment's. Raises StoreError.
        """
        if not self.stores or not moment.segments:
            return False
        first, last = moment.segments[0], moment.segments[-1]
        span = np.array([each.frame_span for each in moment.segments], np.int64) - first.frame_span[0]
        times = np.array([each.time_span for each in moment.segments]) - first.time_span[0]
        seconds = max(last.time_span[1] - first.time_span[0], 1e-3)
        for (number, _), store in zip(self.places, self.stores, strict=True):
            rows = np.stack([each.rows[number] for each in moment.segments])
            store.write(
                VideoFeatures(
                    video_id=alert_id,
                    features=rows.astype(store.spec.dtype),
                    frame_span=span,
                    time_span=times,
                    num_frames=int(span[:, 1].max()),
                    fps=float(span[:, 1].max() / seconds),
                    width=moment.pictures[-1].width if moment.pictures else 0,
                    height=moment.pictures[-1].height if moment.pictures else 0,
                    decode={"decoder": "watch", "messages": 0, "missing_frames": 0, "complete": True},
                    source={"path": source},
                    provenance={"camera": as_utf8(moment.camera), "live": True},
                )
            )
        return True
