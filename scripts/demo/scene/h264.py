"""H.264 files by PyAV, the same bytes for the same frames: one thread, no clock in the file."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from extract.runtime.atomic import writing

# The macroblock tree of x264 core 165 gives other bytes each time when there are B-frames; nothing else does.
SAME_BYTES = {"threads": "1", "x264-params": "mbtree=0"}


def write_h264(path: Path, frames: Iterable[np.ndarray], fps: int, preset: str = "veryfast") -> int:
    """Write frames, uint8 planes of yuv420p [height * 3 / 2, width], one at a time; returns how many.

    The file gets its name when it is complete. Frames must be even in width and height.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with writing(path, durable=False) as partial:
        with av.open(str(partial), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            stream = container.add_stream(
                "libx264", rate=fps, options={"preset": preset, "crf": "25"} | SAME_BYTES
            )
            stream.pix_fmt, stream.gop_size, stream.time_base = "yuv420p", 2 * fps, Fraction(1, fps)
            for planes in frames:
                if count == 0:
                    stream.height, stream.width = planes.shape[0] * 2 // 3, planes.shape[1]
                frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
                frame.pts = count
                container.mux(stream.encode(frame))
                count += 1
            container.mux(stream.encode())
    return count
