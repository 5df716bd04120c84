"""What every form of truth is read as: events of videos as they are written down, or a label per frame."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from data_lists.file_names import VIDEO_SUFFIXES
from data_lists.video import NORMAL
from data_lists.video_checks import means_normal

ANOMALY = "Anomaly"  # class of anomalous videos whose truth names none
SECONDS, FRAMES = "seconds", "frames"
# Labels without case, spaces and punctuation.
ANOMALY_LABELS = frozenset("1 anomaly anomalous abnormal abnormality true yes positive pos".split())


@dataclass(frozen=True)
class Counting:
    """How a form counts frames: the number of the first one, and whether an end is part of its event."""

    first: int = 0
    inclusive: bool = False


@dataclass(frozen=True)
class Event:
    """start, end: as written, in `unit`. label: of the event, "" if it has none. where: such as "line 3"."""

    start: float
    end: float
    unit: str = FRAMES
    label: str = ""
    where: str = ""


@dataclass(frozen=True)
class Annotation:
    """One video as a truth describes it.

    name: as written. labels: uint8 [num_frames], 1 anomalous, for truths with a label per frame. event_class:
    of the whole video, "" if it has none. fps, seconds: rate and length of the video, where the truth says
    them.
    """

    name: str
    events: tuple[Event, ...] = ()
    labels: np.ndarray | None = None
    num_frames: int | None = None
    event_class: str = ""
    fps: float | None = None
    seconds: float | None = None
    where: str = ""


@dataclass(frozen=True)
class FoundTruth:
    """A file or folder of truth.

    form: what it was read as, in words. long_labels: uint8 [all frames], instead of annotations, for one
    array of all videos. parts: the same as annotations without names, one video after another. annotator:
    whose it is, where the file holds the truth of several people.
    """

    path: Path
    form: str
    annotations: tuple[Annotation, ...] = ()
    long_labels: np.ndarray | None = None
    parts: tuple[Annotation, ...] = ()
    counting: Counting = Counting()
    notes: tuple[str, ...] = ()
    annotator: str = ""
    # Nothing says whether its whole numbers are frames or seconds; they were taken as frames.
    unit_assumed: bool = False


def class_of(label: str) -> str:
    """The class that a label means: Normal, Anomaly for a bare "1" or "abnormal", or the label itself."""
    if means_normal(label):
        return NORMAL
    return ANOMALY if not label or _plain(label) in ANOMALY_LABELS else label.strip()


def video_name(text: str) -> str:
    """The name of a video in a truth without its file suffix, with / between folders.

    Of absolute paths and addresses only the last part is left, because the folders are those of another
    machine.
    """
    name = text.strip().replace("\\", "/")
    if name.startswith("/") or re.match("[A-Za-z][A-Za-z0-9+.-]*:", name):
        name = name.rstrip("/").rpartition("/")[2]
    path = PurePosixPath(name)
    return str(path.with_suffix("")) if path.suffix.lower() in VIDEO_SUFFIXES else str(path)


def _plain(label: str) -> str:
    return re.sub("[^a-z0-9]", "", label.casefold())
