"""The videos that files and folders stand for, and a folder of links to them as the root for extraction."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from data_lists.file_names import ARCHIVES, PAGED, VIDEO_SUFFIXES, is_image
from extract.runtime.foreign.folder_walk import files_below
from extract.runtime.foreign.foreign_error import ForeignFileError, one_line
from extract.runtime.foreign.regular_file import check_regular

# Bytes that are not UTF-8 (Python keeps them as lone surrogates) and what no video id may contain, such as
# control characters: outputs are UTF-8, and their names are made from ids.
NOT_IN_IDS = re.compile(r"[\ud800-\udfff\\\x00-\x1f\x7f-\x9f]|(?<![^/])\.(?=_)|(?<![^/])\.\.(?![^/])")
# Suffixes of links and of outputs: videos whose ids differ only in these would share a file.
OWN_SUFFIXES = VIDEO_SUFFIXES | {".vtt", ".png", ".json", ".h5"}


@dataclass(frozen=True)
class Input:
    """One video. video_id: unique among the inputs. path: the file, or the folder of its frames.

    problem: why it cannot be a video, "" if it may be one.
    """

    video_id: str
    path: Path
    problem: str = ""


def find_inputs(paths: Iterable[Path | str]) -> list[Input]:
    """The videos of files and folders, in order.

    A file is one video, a folder with images is one video, and any other folder stands for all videos
    below it. Pipes and devices, and folders that cannot be listed, are inputs with a problem. Raises
    ValueError for a path that does not exist and for a folder without videos.
    """
    # (proposed video id, path, problem)
    found: list[tuple[str, Path, str]] = []
    for path in map(Path, paths):
        if not path.exists():
            raise ValueError(f"{path}: no such file or folder")
        if not path.is_dir():
            found.append((path.stem, path, _problem(path)))
        elif _has_images(path):
            found.append((path.resolve().name or "frames", path, ""))
        else:
            below = _below(path)
            if not below:
                raise ValueError(f"{path}: no video and no folder of frames in it")
            found += below
    inputs, seen = [], set()
    names = _Names()
    for name, path, problem in found:
        # A file may be named twice, or be found below a folder that is named as well.
        place = Path(os.path.realpath(path))
        if place not in seen:
            seen.add(place)
            inputs.append(Input(names.take(NOT_IN_IDS.sub("_", name)), path, problem))
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
    known = each.path.suffix.lower() in VIDEO_SUFFIXES | ARCHIVES | PAGED
    return each.video_id + (each.path.suffix if known else ".mp4")


def _below(root: Path) -> list[tuple[str, Path, str]]:
    """(path below root without suffix, path, problem) of videos and folders of frames, sorted."""
    problems: dict[Path, str] = {}
    walk = files_below(
        root,
        wanted=_is_wanted,
        on_problem=lambda error: problems.update({error.path: error.reason}),
        links=False,
        irregular=True,
    )
    files = list(walk)
    # Links to folders are not followed, because they may lead anywhere; links to videos are.
    for path in [each for each in problems if each.is_symlink()]:
        del problems[path]
        if _is_wanted(path.name) and not path.is_dir():
            files.append(path)
    found: dict[Path, str] = {}
    for path in files:
        if path.suffix.lower() in VIDEO_SUFFIXES | ARCHIVES:
            found[path] = _problem(path)
        elif path.parent != root and path.parent not in found and path.is_file():
            found[path.parent] = ""
    found |= problems
    return [(_name(path, root), path, found[path]) for path in sorted(found)]


def _is_wanted(name: str) -> bool:
    return is_image(name) or os.path.splitext(name)[1].lower() in VIDEO_SUFFIXES | ARCHIVES


def _name(path: Path, root: Path) -> str:
    below = path.relative_to(root)
    return (below if path.is_dir() else below.with_suffix("")).as_posix()


def _problem(path: Path) -> str:
    try:
        check_regular(path, expected="a video")
    except ForeignFileError as error:
        return error.reason
    return ""


def _has_images(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(is_image(entry.name) for entry in entries if entry.is_file())
    except OSError as error:
        raise ForeignFileError(folder, f"the folder cannot be listed ({one_line(error)})") from None


class _Names:
    """Ids of which no two name the same file, and none a folder in the path of another, with any suffix."""

    def __init__(self):
        self._taken: set[tuple[str, ...]] = set()
        self._folders: set[tuple[str, ...]] = set()

    def take(self, name: str) -> str:
        """The name, numbered if another input is in its way."""
        candidate, number = name, 2
        while self._clashes(parts := _bare(candidate)):
            candidate, number = f"{name}-{number}", number + 1
        self._taken.add(parts)
        self._folders |= {parts[:count] for count in range(1, len(parts))}
        return candidate

    def _clashes(self, parts: tuple[str, ...]) -> bool:
        above = (parts[:count] for count in range(1, len(parts)))
        return parts in self._taken or parts in self._folders or any(each in self._taken for each in above)


def _bare(name: str) -> tuple[str, ...]:
    """The parts of a path, each without suffixes of our own."""
    parts = []
    for part in PurePosixPath(name).parts:
        while (split := os.path.splitext(part))[1].lower() in OWN_SUFFIXES:
            part = split[0]
        parts.append(part)
    return tuple(parts)
