"""The detector `files`: people that the user has already detected, in one file or folder per video."""

from __future__ import annotations

import re
from pathlib import Path

from extract.decode.sources import SourceError, find_source
from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.regular_file import present
from extract.scene.detections import Detections, TracksError
from extract.scene.track_formats import read_csv, read_json, read_mot, read_openpose, read_savd

READERS = {".csv": read_csv, ".json": read_json, ".txt": read_mot}


def read_tracks(tracks: Path, video_id: str, *, videos: Path | None = None) -> Detections:
    """The people of one video.

    tracks: contains <video id>.csv, .json or .txt, or a folder <video id> or <video id>/tracks with one file
    per frame; for an id that ends in /rgb (SAVD) also the folder tracks next to it.
    videos: root of the videos, whose image names give the number of the first frame.
    Raises TracksError.
    """
    stem = tracks / video_id
    matches = present(stem.with_name(stem.name + suffix) for suffix in READERS)
    # SAVD puts the frames into <room>/rgb and the tracks into <room>/tracks.
    folders = [stem, stem / "tracks", *([stem.parent / "tracks"] if stem.name == "rgb" else [])]
    matches += [
        folder for folder in folders if any(folder.glob("*.txt")) or any(folder.glob("*_keypoints.json"))
    ]
    if not matches:
        expected = f"{video_id}.csv, .json or .txt, or a folder with one file per frame"
        raise TracksError(f"no tracks in {tracks}: expected {expected}")
    if len(matches) > 1:
        raise TracksError(f"two track files match, {matches[0]} and {matches[1]}; remove or rename one")
    return read_track_file(matches[0], first=first_frame_number(videos, video_id))


def read_track_file(path: Path, *, first: int = 0) -> Detections:
    """One file, or one folder with a file per frame, in any of the formats. Raises TracksError.

    first: the number in the name of the video's first image, from which the files of a folder count.
    """
    try:
        if path.is_dir():
            if any(path.glob("*_keypoints.json")):
                return read_openpose(path, first=first)
            if any(path.glob("*.txt")):
                return read_savd(path, first=first)
            deeper = (
                f"; it contains a folder tracks: give {path / 'tracks'}" if (path / "tracks").is_dir() else ""
            )
            raise TracksError(
                f"{path}: no people in this folder, expected one file per frame, "
                f"*.txt (SAVD) or *_keypoints.json (OpenPose){deeper}"
            )
        if path.suffix.lower() not in READERS:
            raise TracksError(f"{path}: track files end in {', '.join(READERS)}")
        return READERS[path.suffix.lower()](path)
    except ForeignFileError as error:
        raise TracksError(str(error)) from None
    except OSError as error:  # of a folder
        raise TracksError(f"{path} cannot be read: {error.strerror or error}") from None


def first_frame_number(videos: Path | None, video_id: str) -> int:
    """The number in the name of the first image of a folder of frames; 0 for a video file."""
    try:
        images = find_source(videos, video_id).images if videos is not None else ()
    except SourceError:
        return 0
    numbers = re.findall(r"\d+", images[0].stem) if images else ()
    return int(numbers[-1]) if numbers else 0
