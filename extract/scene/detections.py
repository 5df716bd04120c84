"""What a user found already: boxes, tracks and poses of one video, in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from extract.scene.people import JOINTS, NOBODY, UNKNOWN_ID, People, make_people

FARTHEST = 1e9  # pixels; what is farther is no place, and its square no float32
IDS = 2**63  # what a store holds of an identity


class TracksError(ValueError):
    """A file of tracks that is missing or wrong; one line with file and place."""


@dataclass(frozen=True)
class Person:
    """One line of a file. box: left, top, right, bottom in pixels. keypoints: 17 times x, y, confidence, or
    None."""

    frame: int
    box: tuple[float, float, float, float]
    track_id: int = UNKNOWN_ID
    score: float = 1.0
    keypoints: np.ndarray | None = None


@dataclass(frozen=True)
class Detections:
    """The people of one video by native frame, 0-based. identified: the file itself says who is who."""

    path: Path
    frames: dict[int, People] = field(repr=False)
    identified: bool

    def at(self, frame: int) -> People:
        return self.frames.get(frame, NOBODY)

    def record(self) -> dict:
        """Name and sha256 of the file; of a folder the digest covers names and contents, in order."""
        digest = hashlib.sha256()
        for path in sorted(self.path.iterdir()) if self.path.is_dir() else [self.path]:
            if path.is_file():
                digest.update(
                    b"%s\0%d\0" % (path.name.encode(), path.stat().st_size) if self.path.is_dir() else b""
                )
                digest.update(path.read_bytes())
        return {"name": self.path.name, "sha256": digest.hexdigest()}


def collect_detections(path: Path, persons: Iterable[tuple[str, Person]]) -> Detections:
    """Persons with their places in the file ("line 3") -> Detections. Raises TracksError for boxes, joints and ids
    that cannot be."""
    by_frame: dict[int, list[Person]] = {}
    named: dict[tuple[int, int], str] = {}
    for place, person in persons:
        left, top, right, bottom = person.box
        if person.keypoints is not None:
            check_joints(path, place, person.frame, person.keypoints)
        if not ((np.abs(person.box) <= FARTHEST).all() and right > left and bottom > top):
            wrong = f"box {list(person.box)} is not left, top, right, bottom in pixels"
            raise TracksError(f"{path}, {place}: {wrong} (frame {person.frame})")
        if person.frame < 0:
            raise TracksError(f"{path}, {place}: frame {person.frame}, expected 0 or more")
        if not 0 <= person.score <= 1:
            wrong = f"score {person.score}, expected a number from 0 to 1"
            raise TracksError(f"{path}, {place}: {wrong} (frame {person.frame})")
        if not -IDS <= person.track_id < IDS:
            raise TracksError(f"{path}, {place}: id {person.track_id}, expected a number of at most 64 bits")
        if person.track_id != UNKNOWN_ID:
            if (first := named.setdefault((person.frame, person.track_id), place)) != place:
                twice = f"frame {person.frame} has track {person.track_id} twice, first in {first}"
                raise TracksError(f"{path}, {place}: {twice}")
        by_frame.setdefault(person.frame, []).append(person)
    return Detections(
        path, {frame: _people(each) for frame, each in by_frame.items()}, identified=bool(named)
    )


def check_joints(path: Path, place: str, frame: int, joints: np.ndarray) -> None:
    """Raises TracksError for joints [17, 3] that are no places: not a number, infinite or out of the world."""
    places = (np.abs(joints) <= FARTHEST).all(axis=1)  # False for NaN
    if not places.all():
        number = int(places.argmin())
        raise TracksError(
            f"{path}, {place}: {JOINTS[number]} is {joints[number].tolist()}, expected x, y in pixels and a "
            f"confidence, all 0 for a joint that nobody saw (frame {frame})"
        )


def _people(persons: list[Person]) -> People:
    blank = np.zeros((len(JOINTS), 3))
    return make_people(
        [person.box for person in persons],
        [person.score for person in persons],
        [blank if person.keypoints is None else person.keypoints for person in persons],
        [person.track_id for person in persons],
    )
