"""One video between its first decoded frame and its file: what has come, what is still owed."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from extract.store import VideoFeatures


class VideoError(Exception):
    """One video cannot be extracted; the text is one line for a person. The rest of the run goes on."""


class VideoWork:
    """Collects the rows of one video. `dropped` tells the loop to ignore whatever of it is still under way."""

    def __init__(self, video_id: str):
        self.video_id = video_id
        self.dropped = False
        self.report = None  # DecodeReport, once decoding has ended
        self._rows: dict[int, dict[int, np.ndarray]] = {}  # segment -> crop -> [D]
        self._described: list[np.ndarray] = []  # [n, D] blocks of a descriptor
        self._frame_spans: list[np.ndarray] = []
        self._time_spans: list[np.ndarray] = []
        self.owed = 0  # network inputs queued and not answered

    def add_row(self, segment: int, crop: int, row: np.ndarray) -> None:
        """One answer [D] of the network."""
        self._rows.setdefault(segment, {})[crop] = row
        self.owed -= 1

    def add_described(self, rows: np.ndarray, frame_span: np.ndarray, time_span: np.ndarray) -> None:
        """Rows [n, D] that a decode worker computed, with their spans."""
        self._described.append(rows)
        self.set_spans(frame_span, time_span)

    def set_spans(self, frame_span: np.ndarray, time_span: np.ndarray) -> None:
        """Spans of the next segments."""
        self._frame_spans.append(frame_span)
        self._time_spans.append(time_span)

    @property
    def finished(self) -> bool:
        return self.report is not None and self.owed == 0 and not self.dropped

    def features(self, provenance: dict, *, list_num_frames: int | None) -> VideoFeatures:
        """Everything for the store. Raises VideoError for a video without a segment."""
        report = self.report
        frame_span = np.concatenate([np.zeros((0, 2), np.int64), *self._frame_spans])
        if not len(frame_span):
            raise VideoError(
                f"its {report.num_frames} frames make no whole segment, and this preset drops the tail"
            )
        features, arrays = self._content(len(frame_span))
        decode = asdict(report)
        source = decode.pop("source")
        for name in ("num_frames", "fps", "width", "height", "cpu_seconds"):
            decode.pop(name)
        decode["list_num_frames"] = list_num_frames
        return VideoFeatures(
            self.video_id,
            features,
            frame_span,
            np.concatenate(self._time_spans),
            num_frames=report.num_frames,
            fps=report.fps,
            width=report.width,
            height=report.height,
            decode=decode,
            source=source,
            provenance=provenance,
            arrays=arrays,
        )

    def _content(self, count: int) -> tuple[np.ndarray | None, dict[str, np.ndarray]]:
        """Features [N, C, D] of the video's N segments, or None, and further arrays [N, ...]."""
        if self._described:
            return np.concatenate(self._described)[:, None], {}
        segments = (self._rows[segment] for segment in range(count))
        return np.stack([np.stack([crops[crop] for crop in sorted(crops)]) for crops in segments]), {}
