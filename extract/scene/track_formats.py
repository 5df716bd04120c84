"""Files of boxes, tracks and poses.

NAME.csv      a header and one person per line; frame, x1, y1, x2, y2 are required, track_id, score and joints
              are optional: frame,track_id,x1,y1,x2,y2,score,nose_x,nose_y,nose_c,left_eye_x,...
NAME.json     {"frames": [{"frame": 0, "people": [{"track_id": 4, "box": [x1, y1, x2, y2], "score": 0.9,
              "keypoints": [[x, y, confidence], ... 17]}]}]}; track_id, score and keypoints are optional
NAME.txt      MOT Challenge: frame,id,left,top,width,height,confidence,... with frames and pixels from 1
FOLDER/*.txt  SAVD: one file per frame, one "id x1 y1 x2 y2" per line
FOLDER/*_keypoints.json   OpenPose: one file per frame, 25 or 18 joints per person, no identity

Frames are native frames of the video and count from 0, coordinates are pixels of the decoded frame, joints
are COCO's 17 with a confidence in 0..1. An id of -1, or no id, means a person without identity. Frames and
ids may be written as 3.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from extract.runtime.foreign.text_files import read_csv as foreign_csv
from extract.runtime.foreign.text_files import read_json as foreign_json
from extract.runtime.foreign.text_files import read_text
from extract.scene.detections import Detections, Person, TracksError, collect_detections, joint_problem
from extract.scene.people import JOINTS, UNKNOWN_ID

# Index among OpenPose's joints (BODY_25 and its older COCO set) of each of COCO's 17.
OPENPOSE = {
    25: (0, 16, 15, 18, 17, 5, 2, 6, 3, 7, 4, 12, 9, 13, 10, 14, 11),
    18: (0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10),
}
MIN_JOINTS = 3  # fewer do not define a box
FRAME_NUMBER = re.compile(r"(\d+)(?=\D*$)")


def read_csv(path: Path) -> Detections:
    """NAME.csv. Raises TracksError."""
    columns, *lines = foreign_csv(path) or [[]]
    if missing := [name for name in ("frame", "x1", "y1", "x2", "y2") if name not in columns]:
        raise TracksError(
            f"{path}, line 1: column {', '.join(missing)} is missing; the first line must name the columns"
        )
    joints = [name for name in JOINTS if f"{name}_x" in columns]
    return collect_detections(
        path,
        (
            (f"line {number}", _csv_person(path, number, dict(zip(columns, line, strict=False)), joints))
            for number, line in enumerate(lines, start=2)
            if line
        ),
    )


def _csv_person(path: Path, line: int, row: dict[str, str], joints: list[str]) -> Person:
    keypoints = np.zeros((len(JOINTS), 3))
    try:
        for name in joints:
            values = (row[f"{name}_x"], row[f"{name}_y"], row.get(f"{name}_c") or 1)
            if values[0] not in ("", None):
                keypoints[JOINTS.index(name)] = [float(value) for value in values]
        return Person(
            _whole(row["frame"]),
            _box(row[name] for name in ("x1", "y1", "x2", "y2")),
            _whole(row.get("track_id") or UNKNOWN_ID),
            float(row.get("score") or 1),
            keypoints if joints else None,
        )
    except (TypeError, ValueError, KeyError) as error:
        raise TracksError(f"{path}, line {line}: cannot be read as a person ({error})") from None


def read_json(path: Path) -> Detections:
    """NAME.json. Raises TracksError."""
    return collect_detections(path, _json_persons(path, foreign_json(path)))


def _json_persons(path: Path, content: Any) -> Iterator[tuple[str, Person]]:
    if not isinstance(content, dict) or not isinstance(content.get("frames"), list):
        raise TracksError(f'{path}: expected {{"frames": [{{"frame": 0, "people": [...]}}]}}')
    for position, frame in enumerate(content["frames"]):
        location = f"frames[{position}]"
        try:
            for number, person in enumerate(frame["people"]):
                location = f"frames[{position}].people[{number}]"
                keypoints = person.get("keypoints")
                if keypoints is not None:
                    keypoints = np.asarray(keypoints, float).reshape(len(JOINTS), 3)
                track_id, score = person.get("track_id"), person.get("score")
                yield (
                    location,
                    Person(
                        _whole(frame["frame"]),
                        _box(person["box"]),
                        UNKNOWN_ID if track_id is None else _whole(track_id),
                        1.0 if score is None else float(score),
                        keypoints,
                    ),
                )
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
            if isinstance(error, TracksError):
                raise
            raise TracksError(f"{path}, {location}: cannot be read as a person ({error})") from None


def _box(values: Iterable[Any]) -> tuple[float, float, float, float]:
    """Four numbers. Raises TypeError or ValueError for anything else."""
    left, top, right, bottom = (float(value) for value in values)
    return left, top, right, bottom


def read_mot(path: Path) -> Detections:
    """NAME.txt of the MOT Challenge; of its ground truth (nine columns) only active pedestrians.

    Raises TracksError.
    """
    return collect_detections(path, _mot_persons(path))


def _mot_persons(path: Path) -> Iterator[tuple[str, Person]]:
    for number, line in _lines(path):
        fields = line.replace(",", " ").split()
        try:
            frame, track_id = (_whole(field) for field in fields[:2])
            left, top, width, height = (float(field) for field in fields[2:6])
            score = float(fields[6]) if len(fields) > 6 else 1.0
            # Ground truth has nine columns: a score of 0 means "ignore", and class 1 is a pedestrian.
            if len(fields) == 9 and (score == 0 or fields[7] != "1"):
                continue
        except ValueError:
            raise TracksError(
                f"{path}, line {number}: expected frame,id,left,top,width,height[,confidence]"
            ) from None
        # Pixels count from 1. Some trackers write scores outside 0..1, or -1 for none: they become 1.
        box = (left - 1, top - 1, left - 1 + width, top - 1 + height)
        yield f"line {number}", Person(frame - 1, box, track_id, score if 0 <= score <= 1 else 1.0)


def read_savd(folder: Path, *, first: int = 0) -> Detections:
    """A folder of SAVD. first: the number in the name of the video's first image. Raises TracksError."""
    return collect_detections(folder, _savd_persons(folder, first))


def _savd_persons(folder: Path, first: int) -> Iterator[tuple[str, Person]]:
    for path in sorted(folder.glob("*.txt")):
        frame = _frame_number(path, first)
        for number, line in _lines(path):
            try:
                track_id, *box = line.replace(",", " ").split()
                person = Person(frame, _box(box), _whole(track_id))
            except ValueError:
                raise TracksError(f"{path}, line {number}: expected id x1 y1 x2 y2") from None
            yield f"{path.name} line {number}", person


def read_openpose(folder: Path, *, first: int = 0) -> Detections:
    """A folder of OpenPose. A box encloses the joints with a margin of a tenth of their height.

    first: the number in the name of the video's first image. Raises TracksError.
    """
    persons = list(_openpose_persons(folder, first))
    positions = [person.keypoints[:, :2] for _, person in persons if person.keypoints is not None]
    # OpenPose can also write coordinates relative to the image, which would become boxes of one pixel.
    if positions and np.max(positions) <= 1:
        raise TracksError(
            f"{folder}: all coordinates of all people are at most 1, expected pixels; "
            "run OpenPose with keypoint_scale 0"
        )
    return collect_detections(folder, persons)


def _openpose_persons(folder: Path, first: int) -> Iterator[tuple[str, Person]]:
    for path in sorted(folder.glob("*_keypoints.json")):
        frame = _frame_number(path.with_name(path.name.removesuffix("_keypoints.json")), first)
        content = foreign_json(path)
        people = content.get("people") if isinstance(content, dict) else None
        if not isinstance(people, list):
            raise TracksError(f'{path}: expected OpenPose\'s {{"people": [...]}}')
        for number, person in enumerate(people):
            location = f"{path.name} people[{number}]"
            try:
                joints = np.asarray(person["pose_keypoints_2d"], float).reshape(-1, 3)
                keypoints = joints[list(OPENPOSE[len(joints)])]
            except (KeyError, TypeError, ValueError, OverflowError):
                raise TracksError(
                    f"{folder}, {location}: expected pose_keypoints_2d of 25 or 18 joints"
                ) from None
            if wrong := joint_problem(keypoints):
                raise TracksError(f"{folder}, {location}: {wrong} (frame {frame})")
            known = keypoints[keypoints[:, 2] > 0]
            if len(known) < MIN_JOINTS:
                continue
            low, high = known[:, :2].min(axis=0), known[:, :2].max(axis=0)
            margin = max(0.1 * (high[1] - low[1]), 1.0)
            score = min(float(known[:, 2].mean()), 1.0)
            box = _box((*(low - margin), *(high + margin)))
            yield location, Person(frame, box, UNKNOWN_ID, score, keypoints)


def _whole(value: Any) -> int:
    """A whole number from 3, "3" or 3.0. Raises ValueError for 1.5.

    pandas writes whole numbers with a point once their column has gaps.
    """
    try:
        return int(str(value))  # not via float, which would round large ids
    except ValueError:
        number = float(value)
    if not number.is_integer():
        raise ValueError(f"{value} is not a whole number")
    return int(number)


def _frame_number(path: Path, first: int) -> int:
    match = FRAME_NUMBER.search(path.name.removesuffix(".txt"))
    if match is None:
        raise TracksError(f"{path}: the file name contains no frame number")
    return int(match[1]) - first


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()
