"""SAVD's layout (github.com/aasimwadood/RECLASS): a JSON list per split, a folder of frames per video.

    ROOT/splits/train.json           ["room1", "room2"]
    ROOT/videos/room1/rgb/0001.png   frames; the video's id is "videos/room1/rgb", below ROOT
    ROOT/videos/room1/tracks/0001.txt    one "id x1 y1 x2 y2" per line, read by extract.scene

The files name only videos. Those of train.json are normal, as the method requires; those of other splits are
anomalous and not annotated, unless the list says more:

    {"video": "room1", "label": "Robbery", "num_frames": 200, "anomaly_spans": [[40, 90]]}
"""

from __future__ import annotations

import reprlib
from pathlib import Path
from typing import Any

from data_lists.list_error import unreadable
from data_lists.video import NORMAL, LocatedVideo, Video
from data_lists.video_checks import video_problems
from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.text_files import read_json


def read_savd(path: Path) -> tuple[list[LocatedVideo], list[str]]:
    """Videos of a splits/*.json, each with its location, and the problems of all other entries."""
    try:
        content = read_json(path)
    except ForeignFileError as error:
        return [], [unreadable("the list", error)]
    if not isinstance(content, list) or not content:
        return [], [f'{path}: expected a list of videos like ["room1", "room2"]']
    located, problems = [], []
    for number, entry in enumerate(content, start=1):
        location = f"{path}:{number}"
        try:
            video = _video(entry, split=path.stem)
        except (AttributeError, KeyError, TypeError, ValueError):
            expected = 'the name of a video or {"video", "label", "anomaly_spans"}'
            problems.append(f"{location}: {reprlib.repr(entry)}, expected {expected}")
            continue
        problems += [f"{location}: {problem}" for problem in video_problems(video)]
        located.append((video, location))
    return located, problems


def _video(entry: Any, *, split: str) -> Video:
    if isinstance(entry, str):
        return Video(f"videos/{entry}/rgb", NORMAL if split == "train" else "Anomaly")
    spans = tuple((_whole(start), _whole(stop)) for start, stop in entry.get("anomaly_spans", ()))
    num_frames = entry.get("num_frames")
    label = entry.get("label", "Anomaly" if spans or split != "train" else NORMAL)
    if not isinstance(entry["video"], str) or not isinstance(label, str):
        raise TypeError(entry)
    return Video(
        f"videos/{entry['video']}/rgb", label, None if num_frames is None else _whole(num_frames), spans
    )


def _whole(value: Any) -> int:
    """A whole number, also as 3.0. Raises TypeError or ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value // 1:
        raise TypeError(value)
    return int(value)
