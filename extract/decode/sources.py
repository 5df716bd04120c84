"""From the id of a video to the file, or the pictures, that hold it."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from data_lists.suffixes import IMAGE_SUFFIXES, VIDEO_SUFFIXES

READ_BYTES = 1 << 20


class SourceError(Exception):
    """A video that cannot be found or told apart; the text is one line for a person."""


@dataclass(frozen=True)
class Source:
    """Where a video is. path: absolute, the file or the folder with its pictures. relative: the same below
    root.

    images: absolute paths of the frames in natural order; empty for a video file.
    """

    video_id: str
    path: Path
    relative: str
    images: tuple[Path, ...] = ()


def find_source(root: Path | str, video_id: str) -> Source:
    """The one video file, folder of frames, or set of frames `<id>_<number>.<suffix>` that fits video_id.

    Raises SourceError when none fits, when two do, and for an id that leaves root. Links below root are
    followed.
    """
    root = Path(os.path.abspath(root))
    parts = PurePosixPath(video_id).parts
    if not parts or video_id.startswith("/") or ".." in parts or "\0" in video_id:
        raise SourceError(f"video id {video_id!r} is not a path below the videos' folder")
    place = root.joinpath(*parts)
    try:
        fits, rejected = _fits(place, video_id)
    except OSError as error:
        raise SourceError(_plain(error, place, root, video_id)) from None
    if len(fits) > 1:
        names = " and ".join(_below(source, root) for source in fits[:2])
        raise SourceError(f"{video_id}: two sources fit, {names}; remove or rename one")
    if not fits:
        rejected = rejected or f"no video file and no folder of frames of this name in {root}"
        raise SourceError(f"{video_id}: {rejected}")
    return Source(video_id, fits[0].path, _below(fits[0], root), fits[0].images)


def identify_source(source: Source, beat: Callable[[], None] = lambda: None) -> dict:
    """{"path", "bytes", "sha256"} of a source; beat is called about once a megabyte.

    The digest of pictures covers names, sizes and contents: for each in order `name NUL size NUL content`.
    """
    digest, total = hashlib.sha256(), 0
    for path in source.images or (source.path,):
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            if source.images:
                digest.update(f"{path.name}\0{size}\0".encode(errors="surrogateescape"))
            while block := stream.read(READ_BYTES):
                digest.update(block)
                total += len(block)
                beat()
    return {"path": source.relative, "bytes": total, "sha256": digest.hexdigest()}


def natural_key(name: str) -> list:
    """Sorts frame_2 before frame_10: digits compare as numbers, the rest as text."""
    return [(int(part), part) if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", name)]


def _fits(place: Path, video_id: str) -> tuple[list[Source], str]:
    """Everything that fits, and why something that looks like it does not."""
    os.stat(place.parent)
    flat_frame = re.compile(re.escape(place.name) + r"_[0-9]+(\.[A-Za-z]+)")
    files, frames, rejected = [], [], ""
    with os.scandir(place.parent) as entries:
        for entry in entries:
            if not entry.name.startswith(place.name):
                continue
            stem, suffix = os.path.splitext(entry.name)
            if stem == place.name and suffix.lower() in VIDEO_SUFFIXES:
                if entry.is_dir():
                    rejected = f"{entry.name} is a folder, expected a video file"
                else:
                    files.append(entry.name)
            elif (match := flat_frame.fullmatch(entry.name)) and match[1].lower() in IMAGE_SUFFIXES:
                frames.append(entry.name)
    fits = [Source(video_id, place.parent / name, "") for name in sorted(files)]
    if os.path.isdir(place):
        if inside := _pictures(place):
            fits.append(Source(video_id, place, "", inside))
        else:
            rejected = rejected or "is a folder without frames and there is no video file of this name"
    elif len(os.fsencode(place.name)) > 255:
        raise OSError(errno.ENAMETOOLONG, "")
    if frames:
        ordered = tuple(place.parent / name for name in sorted(frames, key=natural_key))
        fits.append(Source(video_id, place.parent, "", ordered))
    return fits, rejected


def _pictures(folder: Path) -> tuple[Path, ...]:
    with os.scandir(folder) as entries:
        names = [
            entry.name
            for entry in entries
            if os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES
            and not entry.name.startswith(".")
            and entry.is_file()
        ]
    return tuple(folder / name for name in sorted(names, key=natural_key))


def _below(source: Source, root: Path) -> str:
    """How a source is called: its path below root; a set of frames in a shared folder by a pattern."""
    name = source.path.relative_to(root).as_posix()
    if source.images and source.path.name != PurePosixPath(source.video_id).name:
        return (PurePosixPath(name) / f"{PurePosixPath(source.video_id).name}_*").as_posix()
    return name


def _plain(error: OSError, place: Path, root: Path, video_id: str) -> str:
    if error.errno == errno.ENAMETOOLONG:
        length = len(os.fsencode(place.name))
        return f"{video_id[:60]}...: the name is longer than the file system allows ({length} bytes)"
    if not root.is_dir():
        return f"{video_id}: the videos' folder {root} does not exist"
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return f"{video_id}: no folder {place.parent.relative_to(root).as_posix()} in {root}"
    return f"{video_id}: {place.parent} cannot be read: {error.strerror}"
