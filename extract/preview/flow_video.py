"""Flow of every pair of consecutive frames of a video, written as it is computed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch

from extract.decode import (
    DecodePool,
    DecodeSettings,
    FramesDecoded,
    VideoEnded,
    VideoFailed,
    VideoOpened,
    VideoRestarted,
)
from extract.decode.single_video import single_video_job
from extract.flow.estimator import Estimator
from extract.preview.flow_files import FlowFiles

PAIRS_AT_ONCE = 16


def write_video_flow(
    video: Path,
    estimate: Estimator,
    make_files: Callable[[float], FlowFiles],
    *,
    num_frames: int | None = None,
) -> tuple[int, str]:
    """Returns how many flows were written, and why the video stopped early ("" when it did not).

    video: a file or a folder of frames. make_files: from the frame rate; called again when a second decoder
    starts over. num_frames: read only this many frames. Raises ValueError for a video that cannot be decoded.
    """
    settings = DecodeSettings(workers=1, on_damage="salvage", chunk_frames=PAIRS_AT_ONCE)
    files: FlowFiles | None = None
    count, last, stopped = 0, None, ""
    with single_video_job(video) as job, DecodePool([job], settings) as pool, ExitStack() as stack:
        for event in pool:
            if isinstance(event, VideoFailed):
                raise ValueError(f"{Path(video).name}: {event.reason.removeprefix(f'{job.video_id}: ')}")
            if isinstance(event, VideoOpened):
                files, count, last = stack.enter_context(make_files(event.fps)), 0, None
            elif isinstance(event, VideoRestarted) and files is not None:
                files.discard()
            elif isinstance(event, VideoEnded):
                stopped = event.report.stopped
            elif isinstance(event, FramesDecoded) and files is not None:
                frames = event.frames if last is None else np.concatenate([last, event.frames])
                frames = frames[: None if num_frames is None else num_frames - count].copy()
                event.release()
                _write_pairs(frames, estimate, files, count)
                count, last = count + len(frames) - 1, frames[-1:]
                if num_frames is not None and count + 1 >= num_frames:
                    break
    return count, stopped


def _write_pairs(frames: np.ndarray, estimate: Estimator, files: FlowFiles, number: int) -> None:
    if len(frames) < 2:
        return
    pixels = torch.from_numpy(frames)
    for offset, flow in enumerate(estimate(pixels[:-1], pixels[1:]).cpu().numpy()):
        files.add(flow, frames[offset], name=f"flow_{number + offset:06d}")
