"""The videos that files and folders stand for, and a folder of links to them as the root for extraction."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from data_lists.file_names import IMAGE_SUFFIXES, VIDEO_SUFFIXES


@dataclass(frozen=True)
class Input:
    """One video. video_id: unique among the inputs. path: the file, or the folder of its frames."""

    video_id: str
    path: Path


def find_inputs(paths: Iterable[Path | str]) -> list[Input]:
    """The videos of files and folders, in order.

    A file is one video, a folder with images is one video, and any other folder stands for all videos
    below it. Raises ValueError for a path that does not exist and for a folder without videos.
    """
    # (proposed video id, path)
    found: list[tuple[str, Path]] = []
    for path in map(Path, paths):
        if not path.exists():
            raise ValueError(f"{path}: no such file or folder")
        if path.is_file():
            found.append((path.stem, path))
        elif _has_images(path):
            found.append((path.resolve().name or "frames", path))
        else:
            below = list(_below(path))
            if not below:
                raise ValueError(f"{path}: no video and no folder of frames in it")
            found += below
    inputs, seen, taken = [], set(), set()
    for name, path in found:
        # A file may be named twice, or be found below a folder that is named as well.
        if path.resolve() in seen:
            continue
        seen.add(path.resolve())
        video_id = _unused(name, taken)
        taken.add(video_id)
        inputs.append(Input(video_id, path))
    return inputs


def link(inputs: Sequence[Input], root: Path) -> None:
    """Link every input below root under its video id, where extraction looks for it."""
    for each in inputs:
        place = root.joinpath(*PurePosixPath(link_name(each)).parts)
        place.parent.mkdir(parents=True, exist_ok=True)
        # The link may be left of an earlier call with another video; stores check what it leads to.
        place.unlink(missing_ok=True)
        place.symlink_to(each.path.resolve(), target_is_directory=each.path.is_dir())


def link_name(each: Input) -> str:
    """The link's path below root. Files with unknown suffixes become .mp4: decoders look at the content."""
    if each.path.is_dir():
        return each.video_id
    return each.video_id + (each.path.suffix if each.path.suffix.lower() in VIDEO_SUFFIXES else ".mp4")


def _below(root: Path) -> Iterable[tuple[str, Path]]:
    """(path below root without suffix, path) of videos and folders of frames, sorted."""
    found = []
    for folder, folders, names in os.walk(root):
        # os.walk descends only into what is left in this list.
        folders[:] = [name for name in folders if not name.startswith(".")]
        place = Path(folder)
        if place != root and _has_images(place):
            found.append(place)
        found += [
            place / name
            for name in names
            if os.path.splitext(name)[1].lower() in VIDEO_SUFFIXES and not name.startswith(".")
        ]
    for path in sorted(found):
        below = path.relative_to(root)
        yield (below if path.is_dir() else below.with_suffix("")).as_posix(), path


def _has_images(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any(
            os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES and not entry.name.startswith(".")
            for entry in entries
            if entry.is_file()
        )


def _unused(name: str, taken: set[str]) -> str:
    """The name, numbered if another input has it, or if one would be a folder in the path of the other."""
    candidate, number = name, 2
    while any(
        candidate == other or candidate.startswith(f"{other}/") or other.startswith(f"{candidate}/")
        for other in taken
    ):
        candidate, number = f"{name}-{number}", number + 1
    return candidate
