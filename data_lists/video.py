"""The record of one video: what it is called, what happens in it and where."""

from __future__ import annotations

from dataclasses import dataclass

NORMAL = "Normal"


@dataclass(frozen=True)
class Video:
    """One untrimmed video of a list.

    video_id: path below the data set's root, "/" between folders, no suffix.
    event_class: "Normal" (class 0) or the name of an anomaly.
    num_frames: true number of frames, None where nobody counted.
    anomaly_spans: frames [start, stop), 0-based, half-open, sorted; an anomalous video without spans is not annotated.
    group: videos of one group (camera, place, fold) stay together when training data is divided.
    split: "train" or "test" of a published protocol, None otherwise.
    """

    video_id: str
    event_class: str = NORMAL
    num_frames: int | None = None
    anomaly_spans: tuple[tuple[int, int], ...] = ()
    group: str | None = None
    split: str | None = None

    @property
    def is_anomalous(self) -> bool:
        return self.event_class != NORMAL

    @property
    def has_frame_truth(self) -> bool:
        """Whether frame labels follow from this record: a normal video, or an anomalous one with spans."""
        return not self.is_anomalous or bool(self.anomaly_spans)
