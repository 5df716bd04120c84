"""The record of one video: its id, what happens in it and where."""

from __future__ import annotations

from dataclasses import dataclass

NORMAL = "Normal"


@dataclass(frozen=True)
class Video:
    """One untrimmed video of a list."""

    # Path below the data set's root, "/" between folders, no suffix.
    video_id: str
    # "Normal" (class 0) or the name of an anomaly.
    event_class: str = NORMAL
    # True number of frames, None if nobody counted them.
    num_frames: int | None = None
    # Frames [start, stop), 0-based, half-open, sorted. An anomalous video without spans is not annotated.
    anomaly_spans: tuple[tuple[int, int], ...] = ()
    # Videos of one group (camera, place, fold) stay on one side of a hold-out split.
    group: str | None = None
    # "train" or "test" of a published protocol, None otherwise.
    split: str | None = None

    @property
    def is_anomalous(self) -> bool:
        return self.event_class != NORMAL

    @property
    def has_frame_truth(self) -> bool:
        """Whether this record implies frame labels: a normal video, or an anomalous one with spans."""
        return not self.is_anomalous or bool(self.anomaly_spans)


# A video and where it is listed ("file:line", or the file itself in a folder), for messages about it.
LocatedVideo = tuple[Video, str]
