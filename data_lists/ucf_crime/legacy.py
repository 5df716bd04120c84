"""Frame truths of UCF-Crime's test split as published code has them: other lengths and another order.

All take the annotated numbers (first and last frame, counted from 1) as if they counted from 0.
"""

from __future__ import annotations

import numpy as np

from data_lists.datasets import load_split
from data_lists.video import Video

CLIP = 16  # frames of one clip of the features these truths were made for

# Of the twenty test videos whose length divides by 16, those whose features have one clip less (a loop that
# stops one frame early); found by comparing gt-ucf.npy with the frame counts.
ONE_CLIP_SHORT = {
    "Assault/Assault006_x264",
    "Burglary/Burglary037_x264",
    "RoadAccidents/RoadAccidents010_x264",
    "RoadAccidents/RoadAccidents016_x264",
    "Shooting/Shooting046_x264",
    "Shoplifting/Shoplifting010_x264",
    "Shoplifting/Shoplifting015_x264",
    "Testing_Normal_Videos_Anomaly/Normal_Videos_881_x264",
    "Testing_Normal_Videos_Anomaly/Normal_Videos_914_x264",
}
# Annotated last frames that overrun the video: our spans are cut there, the legacy truths are not.
OVERRUNNING_LAST_FRAMES = {
    "Arson/Arson011_x264": 1267,
    "Arson/Arson016_x264": 1796,
    "Explosion/Explosion033_x264": 3156,
    "Fighting/Fighting003_x264": 3103,
    "Shooting/Shooting015_x264": 1715,
}


def gt_ucf() -> list[tuple[str, np.ndarray]]:
    """gt-ucf.npy of DeepMIL, UR-DMU, PEL4VAD (1,109,680 frames): [first, last) on lengths floored to 16."""
    return [
        (video.video_id, _labels(video, _floored(video) - CLIP * (video.video_id in ONE_CLIP_SHORT), extra=0))
        for video in _legacy_order()
    ]


def floor16() -> list[tuple[str, np.ndarray]]:
    """The same with every length floored to a multiple of 16 (1,109,824 frames)."""
    return [(video.video_id, _labels(video, _floored(video), extra=0)) for video in _legacy_order()]


def rtfm() -> list[tuple[str, np.ndarray]]:
    """RTFM and MGFN (1,114,144 frames): [first, last + 1) on lengths rounded up to 16.

    Rebuilt from the rule of the code that made it; the array is not at hand, only its length is compared.
    """
    return [(video.video_id, _labels(video, _rounded_up(video), extra=1)) for video in _legacy_order()]


def _legacy_order() -> list[Video]:
    """Anomalous videos first, each part by file name."""
    return sorted(load_split("ucf_crime", "test"), key=lambda video: (not video.is_anomalous, video.video_id))


def _floored(video: Video) -> int:
    return video.num_frames // CLIP * CLIP


def _rounded_up(video: Video) -> int:
    return -(-video.num_frames // CLIP) * CLIP


def _labels(video: Video, length: int, *, extra: int) -> np.ndarray:
    """uint8 [length]: ones in [first, last + extra) of each event, cut at `length`."""
    labels = np.zeros(length, dtype=np.uint8)
    for start, stop in video.anomaly_spans:
        last = OVERRUNNING_LAST_FRAMES.get(video.video_id, stop) if stop == video.num_frames else stop
        labels[start + 1 : last + extra] = 1  # start + 1 is the annotated first frame
    return labels
