"""The detector `files`: people whom the user has found already, one file or folder a video."""

from __future__ import annotations

import re
from pathlib import Path

from extract.decode.sources import SourceError, find_source
from extract.scene.detections import Detections, TracksError
from extract.scene.track_formats import read_csv, read_json, read_mot, read_openpose, read_savd

READERS = {".csv": read_csv, ".json": read_json, ".txt": read_mot}


def read_tracks(tracks: Path, video_id: str, *, videos: Path | None = None) -> Detections:
    """The people of one video.

    tracks: a folder that holds <video id>.csv, .json or .txt, or a folder <video id> or <video id>/tracks
    with a file a frame; for an id that ends in /rgb (SAVD) also the folder tracks beside it. videos: where
    the video itself is, so that the numbers of its pictures say which frame is the first. Raises TracksError.
    """
    place = tracks / video_id
    fits = [path for suffix in READERS if (path := place.with_name(place.name + suffix)).is_file()]
    folders = [place, place / "tracks", *([place.parent / "tracks"] if place.name == "rgb" else [])]
    fits += [
        folder for folder in folders if any(folder.glob("*.txt")) or any(folder.glob("*_keypoints.json"))
    ]
    if not fits:
        raise TracksError(
            f"no tracks in {tracks}: expected {video_id}.csv, .json or .txt, or a folder with a file a frame"
        )
    if len(fits) > 1:
        raise TracksError(f"two files of tracks fit, {fits[0]} and {fits[1]}; remove or rename one")
    return read_track_file(fits[0], first=first_frame_number(videos, video_id))


def read_track_file(path: Path, *, first: int = 0) -> Detections:
    """One file, or one folder with a file a frame, in any of the formats. Raises TracksError.

    first: the number in the name of the video's first picture, from which a folder's files are counted.
    """
    try:
        if path.is_dir():
            if any(path.glob("*_keypoints.json")):
                return read_openpose(path, first=first)
            if any(path.glob("*.txt")):
                return read_savd(path, first=first)
            deeper = (
                f"; it holds a folder tracks: give {path / 'tracks'}" if (path / "tracks").is_dir() else ""
            )
            raise TracksError(
                f"{path}: no people in this folder, expected a file a frame, "
                f"*.txt (SAVD) or *_keypoints.json (OpenPose){deeper}"
            )
        if path.suffix.lower() not in READERS:
            raise TracksError(f"{path}: files of tracks end in {', '.join(READERS)}")
        return READERS[path.suffix.lower()](path)
    except OSError as error:
        raise TracksError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise TracksError(f"{path} is not UTF-8 text") from None


def first_frame_number(videos: Path | None, video_id: str) -> int:
    """The number in the name of the first picture of a folder of frames; 0 for a video file."""
    try:
        pictures = find_source(videos, video_id).images if videos is not None else ()
    except SourceError:
        return 0
    numbers = re.findall(r"\d+", pictures[0].stem) if pictures else ()
    return int(numbers[-1]) if numbers else 0
