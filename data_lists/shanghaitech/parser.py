"""Parser of ShanghaiTech's files for the weakly labelled split.

SH_Train_new.txt     "01_0014,1"         video, label
SH_Test_NEW.txt      "01_001,0,764"      video, label, number of frames (anomalous videos: -1, see the mask)
test_frame_mask/     "01_0014.npy"       uint8 [num_frames], 1 = anomalous, of all 107 anomalous videos
"""

from __future__ import annotations

from pathlib import Path

from data_lists.list_error import ListError, unreadable
from data_lists.official import OfficialLists, read_rows
from data_lists.truth import spans_of_labels
from data_lists.video import NORMAL, Video
from data_lists.video_checks import path_problems
from extract.runtime.foreign.arrays import read_npy
from extract.runtime.foreign.foreign_error import ForeignFileError

EXPECTED = "VIDEO,LABEL or VIDEO,LABEL,FRAMES"


def parse(folder: Path) -> OfficialLists:
    """Both splits from the folder of official files; training ignores the spans of its videos."""
    masks = folder / "test_frame_mask"
    return OfficialLists(
        train=read_rows(
            folder / "SH_Train_new.txt", lambda line: _video(line, masks, split="train"), expected=EXPECTED
        ),
        test=read_rows(
            folder / "SH_Test_NEW.txt", lambda line: _video(line, masks, split="test"), expected=EXPECTED
        ),
    )


def _video(line: str, masks: Path, *, split: str) -> Video:
    video_id, label, *frames = line.split(",")
    # The two digits in front are the scene.
    scene = video_id.split("_")[0]
    if label == "0":
        return Video(video_id, NORMAL, int(frames[0]) if frames else None, group=scene, split=split)
    if problems := path_problems(video_id):  # it must not lead to files elsewhere
        raise ListError(problems)
    path = masks / f"{video_id}.npy"
    try:
        mask = read_npy(path)
    except ForeignFileError as error:
        raise ListError([unreadable("the frame mask", error)]) from None
    if mask.ndim != 1:
        raise ListError([f"{path}: the frame mask has shape {list(mask.shape)}, expected [frames]"])
    return Video(video_id, "Anomaly", len(mask), spans_of_labels(mask), group=scene, split=split)
