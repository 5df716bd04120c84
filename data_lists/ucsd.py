"""The ground truth of both UCSD pedestrian sets: MATLAB files with the anomalous intervals per test clip."""

from __future__ import annotations

import re
from pathlib import Path

from data_lists.list_error import ListError
from data_lists.official import SHOWN, OfficialLists, clip_spans, one_based_inclusive, read_lines
from data_lists.video import NORMAL, Video

GROUND_TRUTH = re.compile(r"TestVideoFile\{end\+1\}\.gt_frame\s*=\s*\[([0-9:,\s]+)\];?")


def parse_ucsd(path: Path, *, train_frames: list[int | None], test_frames: list[int]) -> OfficialLists:
    """Both splits of a set; line n of the MATLAB file, counted from 1, belongs to the folder Test/Test00n.

    Intervals count frames from 1 and include the last one. `train_frames` and `test_frames` are the numbers
    of frames per folder (None = unknown), which the MATLAB file does not state.
    """
    train = [
        Video(f"Train/Train{number:03d}", NORMAL, num_frames, split="train")
        for number, num_frames in enumerate(train_frames, start=1)
    ]
    intervals = [match[1] for match in map(GROUND_TRUTH.fullmatch, read_lines(path)) if match]
    if len(intervals) != len(test_frames):
        raise ListError([f"{path}: {len(intervals)} lines with gt_frame, expected {len(test_frames)}"])
    test, clipped = [], []
    for number, (text, num_frames) in enumerate(zip(intervals, test_frames, strict=True), start=1):
        video_id = f"Test/Test{number:03d}"
        try:
            events = [tuple(map(int, part.split(":"))) for part in text.split(",")]
            ours = [one_based_inclusive(first, last) for first, last in events]
        except ValueError:
            raise ListError([f"{path}: gt_frame = [{text[:SHOWN]}], expected [first:last, ...]"]) from None
        spans, cut = clip_spans(video_id, ours, num_frames)
        clipped += cut
        test.append(Video(video_id, "Anomaly", num_frames, spans, split="test"))
    return OfficialLists(train, test, tuple(clipped))
