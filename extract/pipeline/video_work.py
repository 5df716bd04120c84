"""One video between its first decoded frame and its file."""

from __future__ import annotations

from dataclasses import asdict

from extract.decode.decode_events import DecodeReport
from extract.pipeline.row_makers import VideoRows
from extract.pipeline.video_error import VideoError
from extract.store import VideoFeatures

# fields of a DecodeReport that the store keeps separately, or not at all
NOT_IN_DECODE = ("source", "num_frames", "fps", "width", "height", "cpu_seconds")


class VideoWork:
    """A video's rows, and the report once its decoding has ended."""

    def __init__(self, video_id: str, rows: VideoRows):
        self.video_id, self.rows = video_id, rows
        self.report: DecodeReport | None = None

    @property
    def complete(self) -> bool:
        """Whether decoding and computing are both finished."""
        return self.report is not None and self.rows.pending == 0

    def features(self, *, least_frames: int, list_num_frames: int | None, provenance: dict) -> VideoFeatures:
        """Everything for the store. Raises VideoError for a video that is too short for the preset."""
        report = self.report
        assert report is not None
        if report.num_frames < least_frames:
            raise VideoError(f"it has {report.num_frames} frames, this preset needs at least {least_frames}")
        frame_span, time_span = self.rows.spans()
        if not len(frame_span):
            raise VideoError(
                f"its {report.num_frames} frames do not fill a segment, and this preset drops the tail"
            )
        features, arrays = self.rows.content(len(frame_span))
        decode = {name: value for name, value in asdict(report).items() if name not in NOT_IN_DECODE}
        if report.sound is None:
            del decode["sound"]
        return VideoFeatures(
            self.video_id,
            features,
            frame_span,
            time_span,
            num_frames=report.num_frames,
            fps=report.fps,
            width=report.width,
            height=report.height,
            decode=decode | {"list_num_frames": list_num_frames},
            source=report.source,
            provenance=provenance | self.rows.provenance(),
            arrays=arrays,
        )
