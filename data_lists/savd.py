"""SAVD's layout (github.com/aasimwadood/RECLASS): a JSON list of videos a split, a folder of frames a video.

    ROOT/splits/train.json           ["room1", "room2"]
    ROOT/videos/room1/rgb/0001.png   frames; the video's id is "videos/room1/rgb", below ROOT
    ROOT/videos/room1/tracks/0001.txt    id x1 y1 x2 y2 a line, read by extract.scene

The files name videos only. Those of train.json are normal, as the method wants; those of other splits are
anomalous and not annotated, unless the list says more:

    {"video": "room1", "label": "Robbery", "num_frames": 200, "anomaly_spans": [[40, 90]]}
"""

from __future__ import annotations

import json
from pathlib import Path

from data_lists.video import NORMAL, Video
from data_lists.video_checks import video_problems


def read_savd(path: Path) -> tuple[list[tuple[Video, str]], list[str]]:
    """Videos of a splits/*.json, each with its place, and the problems of everything else."""
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        return [], [f"{path}: the list cannot be read ({error.strerror})"]
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        return [], [f"{path}: not JSON ({error})"]
    if not isinstance(content, list) or not content:
        return [], [f'{path}: expected a list of videos like ["room1", "room2"]']
    placed, problems = [], []
    for number, entry in enumerate(content, start=1):
        place = f"{path}:{number}"
        try:
            video = _video(entry, split=path.stem)
        except (AttributeError, KeyError, TypeError, ValueError):
            problems.append(
                f'{place}: {entry!r} is neither the name of a video nor {{"video", "label", "anomaly_spans"}}'
            )
            continue
        problems += [f"{place}: {problem}" for problem in video_problems(video)]
        placed.append((video, place))
    return placed, problems


def _video(entry, *, split: str) -> Video:
    if isinstance(entry, str):
        return Video(f"videos/{entry}/rgb", NORMAL if split == "train" else "Anomaly")
    spans = tuple((int(start), int(stop)) for start, stop in entry.get("anomaly_spans", ()))
    label = entry.get("label", "Anomaly" if spans or split != "train" else NORMAL)
    if not isinstance(entry["video"], str) or not isinstance(label, str):
        raise TypeError(entry)
    return Video(f"videos/{entry['video']}/rgb", label, entry.get("num_frames"), spans)
