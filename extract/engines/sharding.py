"""A list of videos divided into shards of about equal size."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data_lists import Video
from data_lists.file_names import VIDEO_SUFFIXES

# Enough rounds per worker that the last ones are short.
SHARDS_PER_WORKER = 8
# Videos; so few that a node that dies costs little.
LARGEST_SHARD = 64


@dataclass(frozen=True, eq=False)
class Shard:
    """Videos that one worker extracts in one go."""

    videos: tuple[Video, ...]


def shards(videos: Sequence[Video], *, sizes: Sequence[float], workers: int) -> list[Shard]:
    """Divide videos into shards of about equal size, the largest videos first.

    sizes: one number per video, in any unit.
    """
    if not videos:
        return []
    target = sum(sizes) / (SHARDS_PER_WORKER * workers)
    divided: list[list[Video]] = [[]]
    filled = 0.0
    for size, index in sorted(((size, -index) for index, size in enumerate(sizes)), reverse=True):
        if divided[-1] and (filled + size > target or len(divided[-1]) == LARGEST_SHARD):
            divided.append([])
            filled = 0.0
        divided[-1].append(videos[-index])
        filled += size
    return [Shard(tuple(part)) for part in divided]


def sizes(videos: Sequence[Video], root: Path) -> list[float]:
    """Frames if the list has them for every video, else bytes of the files.

    A folder of frames or a missing file counts as average.
    """
    listed = [float(video.num_frames or 0) for video in videos]
    if all(listed):
        return listed
    found = [_bytes(root / video.video_id) for video in videos]
    known = [size for size in found if size]
    mean = sum(known) / len(known) if known else 1.0
    return [size or mean for size in found]


def _bytes(place: Path) -> float:
    # the most frequent first, because each try is a request on network storage
    for suffix in (".mp4", ".avi", ".mkv", *sorted(VIDEO_SUFFIXES)):
        try:
            return float(os.stat(f"{place}{suffix}").st_size)
        except OSError:
            continue
    return 0.0
