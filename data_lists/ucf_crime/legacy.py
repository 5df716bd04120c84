"""Frame truths of UCF-Crime's test split as published code has them: other lengths and another order.

All of them use the annotated numbers (first and last frame, counted from 1) as if they counted from 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data_lists.clip_lengths import CLIP, ceil_to_clips, floor_to_clips, known_num_frames
from data_lists.video import Video

# Of the twenty test videos whose length is a multiple of 16, those whose features have one clip less (a loop
# that stops one frame early); found by comparing gt-ucf.npy with the frame counts.
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
# Test videos that VadCLIP's features give a clip more than the decoded frames fill: their length follows the
# frame count in the file's header.
ONE_CLIP_LONGER = {
    "Testing_Normal_Videos_Anomaly/Normal_Videos_924_x264",
    "Testing_Normal_Videos_Anomaly/Normal_Videos_935_x264",
    "Testing_Normal_Videos_Anomaly/Normal_Videos_940_x264",
}
# Annotated last frames that overrun the video: our spans are cut there, the legacy truths are not.
OVERRUNNING_LAST_FRAMES = {
    "Arson/Arson011_x264": 1267,
    "Arson/Arson016_x264": 1796,
    "Explosion/Explosion033_x264": 3156,
    "Fighting/Fighting003_x264": 3103,
    "Shooting/Shooting015_x264": 1715,
}


def gt_ucf(videos: Sequence[Video]) -> list[tuple[str, np.ndarray]]:
    """gt-ucf.npy of DeepMIL, UR-DMU, PEL4VAD (1,109,680 frames): [first, last) on lengths floored to 16."""
    truth = []
    for video in _legacy_order(videos):
        length = floor_to_clips(known_num_frames(video)) - CLIP * (video.video_id in ONE_CLIP_SHORT)
        truth.append((video.video_id, _labels(video, length, extra=0)))
    return truth


def floor16(videos: Sequence[Video]) -> list[tuple[str, np.ndarray]]:
    """The same with every length floored to a multiple of 16 (1,109,824 frames)."""
    return [
        (video.video_id, _labels(video, floor_to_clips(known_num_frames(video)), extra=0))
        for video in _legacy_order(videos)
    ]


def gt_rtfm(videos: Sequence[Video]) -> list[tuple[str, np.ndarray]]:
    """RTFM and MGFN (1,114,144 frames): [first, last + 1) on lengths rounded up to 16.

    Rebuilt from the code that made it. We do not have the array, so only its length could be compared.
    """
    return [
        (video.video_id, _labels(video, ceil_to_clips(known_num_frames(video)), extra=1))
        for video in _legacy_order(videos)
    ]


def gt_vadclip(videos: Sequence[Video]) -> list[tuple[str, np.ndarray]]:
    """VadCLIP and DSANet (1,109,872 frames): [first, last) on 16 frames for each row of their features.

    The rows of the normal videos are known from published arrays (all but three are the length floored to
    16). We have neither the array nor the rows of the anomalous videos; they are taken to obey the same
    rule.
    """
    return [
        (
            video.video_id,
            _labels(
                video,
                floor_to_clips(known_num_frames(video)) + CLIP * (video.video_id in ONE_CLIP_LONGER),
                extra=0,
            ),
        )
        for video in _legacy_order(videos)
    ]


def _legacy_order(videos: Sequence[Video]) -> list[Video]:
    """Anomalous videos first, then normal ones, each by file name."""
    return sorted(videos, key=lambda video: (not video.is_anomalous, video.video_id))


def _labels(video: Video, length: int, *, extra: int) -> np.ndarray:
    """uint8 [length]: ones in [first, last + extra) of each event, cut at `length`."""
    labels = np.zeros(length, dtype=np.uint8)
    for start, stop in video.anomaly_spans:
        last = OVERRUNNING_LAST_FRAMES.get(video.video_id, stop) if stop == video.num_frames else stop
        labels[start + 1 : last + extra] = 1  # start + 1 is the annotated first frame
    return labels
