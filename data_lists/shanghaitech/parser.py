"""Parser of ShanghaiTech's files for the weakly labelled split.

SH_Train_new.txt     "01_0014,1"         video, label
SH_Test_NEW.txt      "01_001,0,764"      video, label, number of frames (anomalous videos: -1, see the mask)
test_frame_mask/     "01_0014.npy"       uint8 [num_frames], 1 = anomalous, of all 107 anomalous videos
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from data_lists.list_error import ListError
from data_lists.official import OfficialLists, read_lines
from data_lists.truth import spans_of_labels
from data_lists.video import NORMAL, Video


def parse(folder: Path) -> OfficialLists:
    """Both splits from the folder of official files; training ignores the spans of its videos."""
    masks = folder / "test_frame_mask"
    return OfficialLists(
        train=[_video(line, masks, split="train") for line in read_lines(folder / "SH_Train_new.txt")],
        test=[_video(line, masks, split="test") for line in read_lines(folder / "SH_Test_NEW.txt")],
    )


def _video(line: str, masks: Path, *, split: str) -> Video:
    video_id, label, *frames = line.split(",")
    # The two digits in front are the scene.
    scene = video_id.split("_")[0]
    if label == "0":
        return Video(video_id, NORMAL, int(frames[0]) if frames else None, group=scene, split=split)
    try:
        mask = np.load(masks / f"{video_id}.npy", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ListError([f"{masks / video_id}.npy: the frame mask cannot be read ({error})"]) from error
    return Video(video_id, "Anomaly", len(mask), spans_of_labels(mask), group=scene, split=split)
