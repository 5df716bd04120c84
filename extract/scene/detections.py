"""Boxes, tracks and poses that the user already has for one video, in memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from data_lists.video_checks import MOST_FRAMES
from extract.runtime.foreign.regular_file import open_regular
from extract.scene.people import JOINTS, NOBODY, UNKNOWN_ID, People, make_people

MAX_COORDINATE = 1e9  # pixels; anything beyond is not a position, and its square would exceed float32
MAX_ID = 2**63  # the range of identities in a store
MOST_PEOPLE = 1000  # in one frame
READ_BYTES = 1 << 20


class TracksError(ValueError):
    """A file of tracks that is missing or wrong; one line with file and location."""


@dataclass(frozen=True)
class Person:
    """One person in one frame, as a file states it."""

    frame: int
    box: tuple[float, float, float, float]  # left, top, right, bottom in pixels
    track_id: int = UNKNOWN_ID
    score: float = 1.0
    keypoints: np.ndarray | None = None  # [17, 3]: x, y, confidence


@dataclass(frozen=True)
class Detections:
    """The people of one video by native frame, 0-based."""

    path: Path
    frames: dict[int, People] = field(repr=False)
    identified: bool  # whether the file itself assigns identities

    def at(self, frame: int) -> People:
        return self.frames.get(frame, NOBODY)

    def record(self) -> dict:
        """Name and sha256 of the file; for a folder the digest covers names and contents, in order."""
        digest = hashlib.sha256()
        is_folder = self.path.is_dir()
        for path in sorted(self.path.iterdir()) if is_folder else [self.path]:
            if path.is_dir():
                continue
            with open_regular(path, expected="a file of tracks") as file:
                # Name and size delimit the files of a folder, so that no two folders share a digest.
                if is_folder:
                    digest.update(b"%s\0%d\0" % (os.fsencode(path.name), os.fstat(file.fileno()).st_size))
                while block := file.read(READ_BYTES):
                    digest.update(block)
        return {"name": self.path.name, "sha256": digest.hexdigest()}


def collect_detections(path: Path, persons: Iterable[tuple[str, Person]]) -> Detections:
    """Check persons, each with its location in the file ("line 3"), and group them by frame.

    Raises TracksError for invalid boxes, joints, scores and ids, and for an id that occurs twice in one
    frame.
    """
    by_frame: dict[int, list[Person]] = {}
    first_location: dict[tuple[int, int], str] = {}
    for location, person in persons:
        if problem := _problem(person):
            raise TracksError(f"{path}, {location}: {problem}")
        if person.track_id != UNKNOWN_ID:
            first = first_location.setdefault((person.frame, person.track_id), location)
            if first != location:
                twice = f"frame {person.frame} has track {person.track_id} twice, first in {first}"
                raise TracksError(f"{path}, {location}: {twice}")
        by_frame.setdefault(person.frame, []).append(person)
    for frame, each in by_frame.items():
        # Each is compared with each.
        if len(each) > MOST_PEOPLE:
            raise TracksError(f"{path}: {len(each)} people in frame {frame}, expected at most {MOST_PEOPLE}")
    frames = {frame: _people(each) for frame, each in by_frame.items()}
    return Detections(path, frames, identified=bool(first_location))


def joint_problem(joints: np.ndarray) -> str:
    """Why joints [17, 3] are not positions (not a number, infinite, out of range); "" if they are."""
    valid = (np.abs(joints) <= MAX_COORDINATE).all(axis=1)  # False for NaN
    if valid.all():
        return ""
    number = int(valid.argmin())
    return (
        f"{JOINTS[number]} is {joints[number].tolist()}, expected x, y in pixels and a "
        "confidence, all 0 for a joint that is not visible"
    )


def _problem(person: Person) -> str:
    """What is wrong with a person as the file states it, "" if nothing is."""
    in_frame = f"(frame {person.frame})"
    if person.keypoints is not None and (wrong := joint_problem(person.keypoints)):
        return f"{wrong} {in_frame}"
    left, top, right, bottom = person.box
    if not ((np.abs(person.box) <= MAX_COORDINATE).all() and right > left and bottom > top):
        return f"box {list(person.box)} is not left, top, right, bottom in pixels {in_frame}"
    if person.frame < 0:
        return f"frame {person.frame}, expected 0 or more"
    if person.frame >= MOST_FRAMES:
        return f"frame {person.frame}, expected one below {MOST_FRAMES}"
    if not 0 <= person.score <= 1:
        return f"score {person.score}, expected a number from 0 to 1 {in_frame}"
    if not -MAX_ID <= person.track_id < MAX_ID:
        return f"id {person.track_id}, expected a number of at most 64 bits"
    return ""


def _people(persons: list[Person]) -> People:
    no_pose = np.zeros((len(JOINTS), 3))
    return make_people(
        [person.box for person in persons],
        [person.score for person in persons],
        [no_pose if person.keypoints is None else person.keypoints for person in persons],
        [person.track_id for person in persons],
    )
