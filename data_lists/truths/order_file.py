"""The order of videos in one long array: a name a line, perhaps with the number of frames, or a list.

Suffixes of files are not part of a name, and lines of one video one after another, its crops (NAME__0.npy,
NAME__1.npy), are one.
"""

from __future__ import annotations

import re
from pathlib import Path

from data_lists.name_matching import FILE_SUFFIXES
from data_lists.truths.annotation import video_name
from data_lists.truths.truth_videos import KnownVideo
from data_lists.tsv import looks_like_list, read_list
from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.text_files import read_text

WITH_FRAMES = re.compile(r"(?P<name>\S.*?)\s*[\s,;]\s*(?P<frames>\d{1,9})\s*")
CROP = re.compile(r"__\d+$")


def read_order_file(path: Path | str) -> list[KnownVideo]:
    """Raises ForeignFileError; ListError for a list that cannot be read."""
    text = read_text(path)
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if looks_like_list(text):
        return [KnownVideo.of(video) for video in read_list(path)]
    counted = [WITH_FRAMES.fullmatch(line) for _, line in lines]
    if lines and counted[0] is None and len(lines) > 1 and all(counted[1:]):
        lines, counted = lines[1:], counted[1:]  # a header
    if not lines:
        raise ForeignFileError(path, "names no video; expected a name a line")
    # A number after only some of the names belongs to them.
    frames = [int(each["frames"]) for each in counted if each] if all(counted) else []
    names = [each["name"] for each in counted if each] if frames else [line for _, line in lines]
    found: list[KnownVideo] = []
    crops: set[str] = set()
    for place, written in enumerate(names):
        plain = _without_suffix(video_name(written.strip().strip('"')))
        name = CROP.sub("", plain)
        count = frames[place] if frames else None
        if found and found[-1].video_id == name and plain != name and plain not in crops:
            if found[-1].num_frames != count:
                raise ForeignFileError(path, f"line {lines[place][0]}: {name} with two numbers of frames")
        elif any(each.video_id == name for each in found):
            raise ForeignFileError(path, f"line {lines[place][0]}: {name} is there twice")
        else:
            found.append(KnownVideo(name, count))
            crops = set()
        crops.add(plain)
    return found


def _without_suffix(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return stem if f"{dot}{suffix}".lower() in FILE_SUFFIXES else name
