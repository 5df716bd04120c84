"""Which videos a person means by files and folders, and a folder of links to them that extraction takes as
its root."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from data_lists.file_names import IMAGE_SUFFIXES, VIDEO_SUFFIXES


@dataclass(frozen=True)
class Input:
    """One video. video_id: a name of its own among the inputs. path: the file, or the folder of its
    frames."""

    video_id: str
    path: Path


def find_inputs(paths: Iterable[Path | str]) -> list[Input]:
    """Videos in order: a file is one, a folder of pictures is one, any other folder is all that lies below
    it.

    Raises ValueError for a path that is not there and for a folder without videos.
    """
    found: list[tuple[str, Path]] = []
    for path in map(Path, paths):
        if not path.exists():
            raise ValueError(f"{path}: no such file or folder")
        if path.is_file():
            found.append((path.stem, path))
        elif _has_pictures(path):
            found.append((path.resolve().name or "frames", path))
        else:
            below = list(_below(path))
            if not below:
                raise ValueError(f"{path}: no video and no folder of frames in it")
            found += below
    inputs, seen, taken = [], set(), set()
    for name, path in found:
        if path.resolve() in seen:
            continue
        seen.add(path.resolve())
        video_id = _free(name, taken)
        taken.add(video_id)
        inputs.append(Input(video_id, path))
    return inputs


def link(inputs: Sequence[Input], root: Path) -> None:
    """Make root hold every input under its video id, as extraction wants it."""
    for each in inputs:
        place = root.joinpath(*PurePosixPath(link_name(each)).parts)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(
            missing_ok=True
        )  # of an earlier call; features of another video under this name are told apart
        place.symlink_to(each.path.resolve(), target_is_directory=each.path.is_dir())


def link_name(each: Input) -> str:
    """The link's path below the root. Decoders look at the content, so a file of any other name is tried as
    well."""
    if each.path.is_dir():
        return each.video_id
    return each.video_id + (each.path.suffix if each.path.suffix.lower() in VIDEO_SUFFIXES else ".mp4")


def _below(root: Path) -> Iterable[tuple[str, Path]]:
    """(path below root without suffix, path) of videos and folders of frames, sorted."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        place = Path(folder)
        if place != root and _has_pictures(place):
            found.append(place)
        found += [
            place / name
            for name in names
            if os.path.splitext(name)[1].lower() in VIDEO_SUFFIXES and not name.startswith(".")
        ]
    for path in sorted(found):
        below = path.relative_to(root)
        yield (below if path.is_dir() else below.with_suffix("")).as_posix(), path


def _has_pictures(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any(
            os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES and not entry.name.startswith(".")
            for entry in entries
            if entry.is_file()
        )


def _free(name: str, taken: set[str]) -> str:
    """The name, with a number behind it where another input has it, or one that would lie inside the
    other."""
    candidate, number = name, 2
    while any(
        candidate == other or candidate.startswith(f"{other}/") or other.startswith(f"{candidate}/")
        for other in taken
    ):
        candidate, number = f"{name}-{number}", number + 1
    return candidate
