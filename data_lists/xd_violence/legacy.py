"""The frame truth of XD-Violence's test split as published code has it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

import numpy as np

from data_lists.video import Video


def gt_xd(videos: Sequence[Video]) -> list[tuple[str, np.ndarray]]:
    """gt.npy of XDVioDet, RTFM and BN-WVAD (2,330,384 frames), in the order of the official test list.

    The lengths are (frames - 1) floored to 16, to match the flow features; 71 spans overrun them and are cut.
    """
    lengths = _floor16_lengths()
    truth = []
    for video in videos:
        labels = np.zeros(lengths[video.video_id], dtype=np.uint8)
        for start, stop in video.anomaly_spans:
            labels[start:stop] = 1
        truth.append((video.video_id, labels))
    return truth


def _floor16_lengths() -> dict[str, int]:
    text = (resources.files("data_lists.xd_violence") / "floor16_lengths.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines()[1:]]
    return {video_id: int(length) for video_id, length in rows}
