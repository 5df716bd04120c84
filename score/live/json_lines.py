"""Scores as JSON lines, one per segment."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import IO

from extract.runtime.say import say
from score.alerts.watch_events import CameraState, LiveFrame, LiveSegment


class JsonLines:
    """Appends to a file, or writes to a pipe; a disk that is full is said once and does not end the watch.

    event_classes: names of the probabilities, Normal first.
    """

    def __init__(self, path: Path, event_classes: tuple[str, ...] = ()):
        self.path, self.event_classes = path, event_classes
        self._file: IO[str] | None = open(path, "a", encoding="utf-8")
        self._said = False

    def frame(self, _frame: LiveFrame) -> None:
        pass

    def segment(self, segment: LiveSegment) -> None:
        if self._file is None:
            return
        values = {
            "camera": segment.camera,
            "segment": segment.number,
            "frames": list(segment.frame_span),
            "seconds": [round(each, 6) for each in segment.time_span],
            "arrived": [round(each, 3) for each in segment.arrived],
            "score": segment.score,
            "latency": round(segment.latency, 3),
            "restarted": segment.restarted,
        }
        if segment.class_probability is not None:
            shares = (float(each) for each in segment.class_probability)
            values["classes"] = dict(zip(self.event_classes, shares, strict=True))
        try:
            self._file.write(json.dumps(values) + "\n")
            self._file.flush()
        except OSError as error:
            if not self._said:
                say(f"{self.path}: scores cannot be written ({os.strerror(error.errno or 0)})", err=True)
            self._said = True

    def state(self, _state: CameraState) -> None:
        pass

    def close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        self._file = None
