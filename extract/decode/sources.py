"""Find the file or the images that belong to a video id."""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from data_lists.file_names import ARCHIVES, IMAGE_SUFFIXES, PAGED, VIDEO_SUFFIXES, is_image
from data_lists.folders import every_video
from data_lists.list_error import ListError
from data_lists.name_matching import nearest_names
from extract.decode.open_video import ReadError
from extract.decode.readers.frame_image import FrameImage, archived_images
from extract.decode.readers.frame_sequence import ordered
from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.regular_file import open_regular

READ_BYTES = 1 << 20


class SourceError(Exception):
    """A video that cannot be found, or that two sources match; the message is a single line for the user."""


@dataclass(frozen=True)
class Source:
    """Where a video is."""

    video_id: str
    path: Path  # absolute: the file, or the folder with its images
    relative: str  # the same below the root
    images: tuple[FrameImage, ...] = ()  # its frames in order; empty for a video file
    stream: int | None = None  # index of the video stream to read; None = by the rule of stream_choice


def find_source(root: Path | str, video_id: str) -> Source:
    """The one video file, folder of frames, or set of images `<id>_<number>.<suffix>` that matches video_id.

    Links below root are followed. Raises SourceError if nothing matches, if two sources match, and for an id
    that leads out of root.
    """
    root = Path(os.path.abspath(root))
    parts = PurePosixPath(video_id).parts
    if not parts or video_id.startswith("/") or ".." in parts or "\0" in video_id:
        raise SourceError(f"video id {video_id!r} is not a path below the videos' folder")
    path = root.joinpath(*parts)
    try:
        matches, rejected = _matches(path, video_id)
        if not matches and (spelled := _in_other_form(root, parts)) != path:
            matches, rejected = _matches(spelled, video_id)
    except OSError as error:
        raise SourceError(_explain(error, path, root, video_id)) from None
    except ForeignFileError as error:
        raise SourceError(f"{video_id}: {error.path.name} {error.reason}") from None
    if len(matches) > 1:
        names = " and ".join(_relative(source, root) for source in matches[:2])
        raise SourceError(f"{video_id}: two sources match, {names}; remove or rename one")
    if not matches:
        rejected = rejected or f"no video file and no folder of frames of this name in {root}"
        rejected += _nearest(path, root)
        raise SourceError(f"{video_id}: {rejected}")
    return replace(matches[0], relative=_relative(matches[0], root), images=_in_order(matches[0], root))


def _in_other_form(root: Path, parts: tuple[str, ...]) -> Path:
    """The path of a name that the disk spells in another Unicode form, such as e and an accent apart."""
    path = root
    for part in parts:
        below = path / part
        if not part.isascii() and not os.path.lexists(below):
            wanted = unicodedata.normalize("NFC", part)
            # The last part has a suffix on the disk.
            below = next(
                (
                    path / name[: len(name) - len(found) + len(wanted)]
                    for name in _names(path)
                    if (found := unicodedata.normalize("NFC", name)).startswith(wanted)
                ),
                below,
            )
        path = below
    return path


def _nearest(path: Path, root: Path) -> str:
    """Videos that are spelled alike, for a line about a missing one."""
    wanted = path.relative_to(root).as_posix()
    stem, suffix = os.path.splitext(wanted)
    if suffix.lower() in VIDEO_SUFFIXES | ARCHIVES and path.is_file():
        return f"; ids have no suffix: {stem}"
    near = nearest_names(wanted, _video_ids(root))
    return f"; nearest: {', '.join(near)}" if near else ""


@functools.lru_cache(1)
def _video_ids(root: Path) -> tuple[str, ...]:
    """Ids of every video below a folder, as of the first video that is missing there."""
    try:
        return tuple(video.video_id for video in every_video(root)[0])
    except (ListError, OSError):
        return ()


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def identify_source(source: Source, beat: Callable[[], None] = lambda: None) -> dict:
    """{"path", "bytes", "sha256"} of a source; beat is called about once per megabyte.

    Raises SourceError for a file or an image that is a pipe, a device, a link to nothing and the like. The
    digest of images covers names, sizes and contents: for each in order `name NUL size NUL content`.
    """
    digest, total = hashlib.sha256(), 0
    files = {image.path: image.name for image in source.images} or {source.path: ""}
    for path, name in files.items():
        with _opened(path, source) as stream:
            size = os.fstat(stream.fileno()).st_size
            if path != source.path:
                digest.update(f"{name}\0{size}\0".encode(errors="surrogateescape"))
            while block := stream.read(READ_BYTES):
                digest.update(block)
                total += len(block)
                beat()
    return {"path": source.relative, "bytes": total, "sha256": digest.hexdigest()}


def _opened(path: Path, source: Source) -> BinaryIO:
    try:
        return open_regular(path, expected="an image" if source.images else "a video file")
    except ForeignFileError as error:
        # Links below the root are shown as they are named there.
        name = path.relative_to(source.path).as_posix() if path != source.path else ""
        shown = (
            PurePosixPath(source.relative).parent / name
            if "*" in source.relative
            else PurePosixPath(source.relative) / name
        )
        raise SourceError(f"{source.video_id}: {shown.as_posix()}: {error.reason}") from None


def _matches(path: Path, video_id: str) -> tuple[list[Source], str]:
    """Every source that matches, and why a near match is not one ("" if there is none)."""
    os.stat(path.parent)  # raises for a missing folder, which find_source explains
    files, frames, rejected = _named_after(path)
    matches = [_of_file(video_id, path.parent / name) for name in sorted(files)]
    if os.path.isdir(path):
        if inside := _images(path):
            matches.append(Source(video_id, path, "", inside))
        else:
            rejected = rejected or "is a folder without frames and there is no video file of this name"
    elif len(os.fsencode(path.name)) > 255:  # the file system's limit, which isdir answers with False
        raise OSError(errno.ENAMETOOLONG, "")
    if frames:
        images = tuple(FrameImage(path.parent / name) for name in frames)
        matches.append(Source(video_id, path.parent, "", images))
    return matches, rejected


def _named_after(path: Path) -> tuple[list[str], list[str], str]:
    """Names beside path: video files, images `<name>_<number>.<suffix>`, and why a candidate is not one."""
    flat_frame = re.compile(re.escape(path.name) + r"_[0-9]+(\.[A-Za-z]+)")
    files, frames, rejected = [], [], ""
    # A listing rather than a test per suffix, because suffixes may be in any case.
    with os.scandir(path.parent) as entries:
        for entry in entries:
            if not entry.name.startswith(path.name):
                continue
            stem, suffix = os.path.splitext(entry.name)
            if stem == path.name and suffix.lower() in VIDEO_SUFFIXES | PAGED | ARCHIVES:
                if _is_folder(entry):
                    rejected = f"{entry.name} is a folder, expected a video file"
                else:
                    files.append(entry.name)
            elif (match := flat_frame.fullmatch(entry.name)) and match[1].lower() in IMAGE_SUFFIXES:
                frames.append(entry.name)
    return files, frames, rejected


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, which is refused when it is opened
        return False


def _of_file(video_id: str, path: Path) -> Source:
    """A video file, or a file that holds the images of a video."""
    if path.suffix.lower() in ARCHIVES:
        return Source(video_id, path, "", tuple(archived_images(path)))
    return Source(video_id, path, "", (FrameImage(path),) if path.suffix.lower() in PAGED else ())


def _in_order(source: Source, root: Path) -> tuple[FrameImage, ...]:
    try:
        return ordered(source.images) if len(source.images) > 1 else source.images
    except ReadError as error:
        raise SourceError(f"{source.video_id}: {_relative(source, root)} {error}") from None


def _images(folder: Path) -> tuple[FrameImage, ...]:
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if is_image(entry.name) and not _is_folder(entry)]
    return tuple(FrameImage(folder / name) for name in names)


def _relative(source: Source, root: Path) -> str:
    """The path of a source below root; a pattern for a set of images in a shared folder."""
    name = source.path.relative_to(root).as_posix()
    if source.images and source.path.is_dir() and source.path.name != PurePosixPath(source.video_id).name:
        return (PurePosixPath(name) / f"{PurePosixPath(source.video_id).name}_*").as_posix()
    return name


def _explain(error: OSError, path: Path, root: Path, video_id: str) -> str:
    if error.errno == errno.ENAMETOOLONG:
        length = len(os.fsencode(path.name))
        return f"{video_id[:60]}...: the name is longer than the file system allows ({length} bytes)"
    if not root.is_dir():
        return f"{video_id}: the videos' folder {root} does not exist"
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        missing = f"{video_id}: no folder {path.parent.relative_to(root).as_posix()} in {root}"
        return missing + _nearest(path, root)
    return f"{video_id}: {path.parent} cannot be read: {error.strerror}"
