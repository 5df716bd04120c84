"""Parser of XD-Violence's files.

rgb.list, rgb_test.list     feature files, "/any/folder/NAME__k.npy", five crops k per video
annotations.txt             "NAME start stop start stop ...", frames counted from 0, violent test videos only
test_lengths_floor16.tsv    lengths of the test videos in the published truth, multiples of 16 frames
"""

from __future__ import annotations

import re
from pathlib import Path

from data_lists.list_error import ListError
from data_lists.official import OfficialLists, Spans, read_lines, read_rows
from data_lists.video import Video
from data_lists.xd_violence import CODES

FEATURE_FILE = re.compile(r"(?:.*/)?(.+_label_([A-Z0-9]+)(?:-[A-Z0-9]+)*)__[0-9]+\.npy")


def parse(folder: Path) -> OfficialLists:
    """Both splits from the folder of official files; no span is clipped, because frame counts are unknown."""
    spans = _annotations(folder / "annotations.txt")
    test = _videos(folder / "rgb_test.list", spans, split="test")
    unknown = sorted(spans.keys() - {video.video_id for video in test})
    if unknown:
        raise ListError([f"{folder}: annotated but not in rgb_test.list: {video_id}" for video_id in unknown])
    return OfficialLists(train=_videos(folder / "rgb.list", {}, split="train"), test=test)


def floor16_lengths(folder: Path) -> dict[str, int]:
    """Legacy length in frames of each test video, in the order of the official list."""
    rows = [line.split("\t") for line in read_lines(folder / "test_lengths_floor16.tsv")[1:]]
    return {video_id: int(length) for video_id, length in rows}


def _videos(path: Path, spans: dict[str, Spans], *, split: str) -> list[Video]:
    first_codes: dict[str, str] = {}  # keeps the order of the list; the five crops of a video are one entry
    for line in read_lines(path):
        match = FEATURE_FILE.fullmatch(line)
        if not match or match[2] not in CODES:
            raise ListError([f"{path}: {line!r} does not look like NAME_label_CODE__CROP.npy"])
        first_codes[match[1]] = match[2]
    return [
        Video(video_id, CODES[code], anomaly_spans=spans.get(video_id, ()), split=split)
        for video_id, code in first_codes.items()
    ]


def _annotations(path: Path) -> dict[str, Spans]:
    return dict(read_rows(path, _annotation, expected="NAME start stop start stop ..."))


def _annotation(line: str) -> tuple[str, Spans]:
    name, *numbers = line.split()
    frames = [int(number) for number in numbers]
    # 14 names end in .mp4, which the feature files leave out.
    return name.removesuffix(".mp4"), tuple(zip(frames[::2], frames[1::2], strict=True))
