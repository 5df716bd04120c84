"""The delay that a guard feels: what passes between a moment and the score of the segment that shows it."""

from __future__ import annotations

import time

import numpy as np

from extract.decode.open_video import DecodedFrame
from extract.presets import Preset
from score.live.live_model import LiveModel
from score.live.score_window import ScoreWindow

TRIAL_SIZE = (240, 320)  # height, width of the pictures that are timed


def segment_seconds(preset: Preset, fps: float) -> float:
    """How long a segment lasts: its clip, or the distance of two segments if that is longer."""
    rate = preset.fps or fps
    clip = preset.clip_length * preset.frame_stride / rate
    step = preset.segment_seconds or preset.segment_stride / rate
    return max(clip, step)


def step_seconds(preset: Preset, fps: float) -> float:
    """Seconds from the start of one segment to the start of the next."""
    return preset.segment_seconds or preset.segment_stride / (preset.fps or fps)


def measured_seconds(model: LiveModel) -> float:
    """Wall time of the rows and the score of one segment, on pictures of noise: it also warms the device."""
    random = np.random.default_rng(0)
    window = ScoreWindow(model.scorers, model.reach, "trial")
    seconds = 0.0
    for trial in range(2):  # the first one loads what is loaded late
        rows = []
        spent = 0.0
        for preset, maker in zip(model.presets, model.makers, strict=True):
            stream = maker.open(25.0)
            length = round(segment_seconds(preset, 25.0) * 25) + 2
            for index in range(length):
                pixels = random.integers(0, 255, (*TRIAL_SIZE, 3), np.uint8)
                begun = time.monotonic()
                stream.add(_frame(index, pixels))
                spent += time.monotonic() - begun
            begun = time.monotonic()
            stream.end(num_frames=length, end_seconds=length / 25)
            maker.flush()
            rows.append(stream.take()[0])
            spent += time.monotonic() - begun
        begun = time.monotonic()
        window.add(tuple(rows))
        seconds = spent + time.monotonic() - begun
        del trial
    return seconds


def _frame(index: int, pixels: np.ndarray) -> DecodedFrame:
    return DecodedFrame(index, index + 1, index / 25, (index + 1) / 25, lambda: pixels)


def delay_line(model: LiveModel, measured: float, *, fps: float) -> str:
    """One line. measured: of measured_seconds. fps: of the cameras."""
    length = max(segment_seconds(preset, fps) for preset in model.presets)
    step, reach = step_seconds(model.presets[0], fps), model.reach
    ahead = reach.ahead * step
    total = length + 1 / fps + ahead + measured
    if reach.exact:
        looks = f"look-ahead {ahead:.2f} s ({reach.ahead} segments)"
    elif not reach.whole:
        looks = f"look-ahead {ahead:.2f} s ({reach.ahead} segments, fewer than the head looks ahead)"
    else:
        looks = (
            f"no look-ahead, because the head looks at the whole video: a window of {reach.back + 1} segments"
        )
    return (
        f"delay at {fps:g} frames/s: {total:.2f} s = segment {length:.2f} s + one frame {1 / fps:.2f} s + "
        f"{looks} + features and score {measured:.2f} s; decoding and the network come on top"
    )
