"""The score bar below an annotated frame: score, time, a meter, and the timeline of the video."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from score.predict.intervals import Interval
from score.predict.timeline import Timeline

PAPER, TRACK, BAND, EDGE = (18, 22, 28), (31, 37, 45), (88, 32, 34), (58, 66, 77)  # RGB
INK, SOFT, SCORE, ALARM = (244, 246, 248), (158, 168, 180), (86, 180, 233), (255, 77, 66)
UPCOMING = 0.45  # brightness of the part of the timeline that is still to come
SHARE, MIN_HEIGHT, MAX_HEIGHT = 0.15, 44, 176  # share of the frame's short side; pixels
MIN_TEXT_WIDTH = 150  # pixels; narrower frames get no numbers
SUPERSAMPLING = 4  # per axis, so that thousands of segments blend instead of flickering


def score_bar_height(width: int, height: int) -> int:
    """Height in pixels that makes frame and bar together even, as H.264 requires."""
    high = min(MAX_HEIGHT, max(MIN_HEIGHT, round(SHARE * min(width, height))))
    return high + (height + high) % 2


class ScoreBar:
    """Draws the bar of one video for any of its frames; the same frame always gives the same pixels.

    width: of the frame, at least 16 pixels. height: of the bar, in pixels.
    """

    def __init__(
        self, timeline: Timeline, intervals: Sequence[Interval], *, threshold: float, width: int, height: int
    ):
        self.timeline, self.threshold = timeline, threshold
        self.width, self.height = width, height
        self.begin, self.end = float(timeline.seconds[0]), float(timeline.seconds[-1])
        self.in_interval = np.zeros(len(timeline.score), dtype=bool)
        for each in intervals:
            first, last = timeline.run_of(each.start_frame), timeline.run_of(each.stop_frame - 1)
            self.in_interval[first : last + 1] = True
        self.unit = unit = max(1, round(height / 48))
        self.score_font, self.clock_font = (_font(max(9, round(share * height))) for share in (0.4, 0.24))
        self.text_right = 0
        if width >= MIN_TEXT_WIDTH:
            widths = self.score_font.getlength("0.00"), self.clock_font.getlength("00:00")
            self.text_right = 4 * unit + math.ceil(max(widths))
        self.meter_left = self.text_right + 6 * unit if self.text_right else 4 * unit
        self.left = self.meter_left + 10 * unit
        self.right = max(self.left + 2, width - 4 * unit)
        self.top, self.bottom = 7 * unit, height - 5 * unit
        self.seen = self._background()
        paper = Image.new("RGB", self.seen.size, PAPER)
        self.upcoming = Image.blend(paper, self.seen, UPCOMING)

    def draw(self, frame: int, seconds: float) -> np.ndarray:
        """The bar while a frame is shown: uint8 [height, width, 3]."""
        run, unit = self.timeline.run_of(min(frame, self.timeline.num_frames - 1)), self.unit
        score, full = float(self.timeline.score[run]), self.bottom - self.top
        share = (seconds - self.begin) / max(self.end - self.begin, 1e-9)
        head = self.left + round(min(max(share, 0.0), 1.0) * (self.right - self.left - 1))
        picture = self.seen.copy()
        rest = (head, 0, self.right, self.height)
        picture.paste(self.upcoming.crop(rest), rest)
        pen = ImageDraw.Draw(picture)
        _fill(pen, 0, 0, self.width, 3 * unit, ALARM if self.in_interval[run] else EDGE)
        meter, level = self.meter_left, self.bottom - round(score * full)
        _fill(pen, meter, level, meter + 5 * unit, self.bottom, ALARM if score >= self.threshold else SCORE)
        mark = self.bottom - round(self.threshold * full) - unit // 2
        _fill(pen, meter - unit, max(self.top, mark), meter + 6 * unit, mark + unit, INK)
        playhead = max(0, head - unit // 2)
        _fill(pen, playhead, 3 * unit, playhead + max(2, unit), self.height - 2 * unit, INK)
        if self.text_right:
            # Both texts stand on baselines: anchored at their ink, digits of different heights would jump.
            baseline = self.top - unit - self.score_font.getbbox("0", anchor="ls")[1]
            color = ALARM if score >= self.threshold else INK
            pen.text((self.text_right, baseline), f"{score:.2f}", color, self.score_font, anchor="rs")
            place = self.text_right, self.height - 4 * unit
            pen.text(place, short_clock(seconds, self.end), SOFT, self.clock_font, anchor="rs")
        return np.array(picture)

    def _background(self) -> Image.Image:
        """Everything that is the same for all frames, at full brightness."""
        picture = Image.new("RGB", (self.width, self.height), PAPER)
        pen = ImageDraw.Draw(picture)
        _fill(pen, self.meter_left, self.top, self.meter_left + 5 * self.unit, self.bottom, TRACK)
        picture.paste(self._plot(self.right - self.left, self.bottom - self.top), (self.left, self.top))
        return picture

    def _plot(self, width: int, height: int) -> Image.Image:
        """The timeline: a column per run, red inside intervals, over the dashed line of the threshold."""
        fine = Image.new("RGB", (SUPERSAMPLING * width, SUPERSAMPLING * height), TRACK)
        pen, bottom = ImageDraw.Draw(fine), fine.height
        scale = fine.width / max(self.end - self.begin, 1e-9)
        edges = (self.timeline.seconds - self.begin) * scale
        # Runs shorter than a column still fill it: a short peak in a long video must stay visible.
        first = np.floor(edges[:-1]).clip(0, fine.width - 1).astype(int)
        stop = np.ceil(edges[1:]).astype(int).clip(first + 1, fine.width)
        high = np.maximum(self.timeline.score * bottom, 1.5 * SUPERSAMPLING).round().astype(int)
        runs = np.stack([first, stop, bottom - high], axis=1).tolist()
        alarms = np.flatnonzero(self.in_interval)
        for run in alarms:
            _fill(pen, runs[run][0], 0, runs[run][1], bottom, BAND)
        thick = max(1, self.unit // 2)
        line = min(max(round((1 - self.threshold) * height - thick / 2), 0), height - thick)
        for dash in range(0, fine.width, 8 * self.unit * SUPERSAMPLING):
            end = dash + 4 * self.unit * SUPERSAMPLING
            _fill(pen, dash, line * SUPERSAMPLING, end, (line + thick) * SUPERSAMPLING, SOFT)
        for color, chosen in ((SCORE, np.flatnonzero(~self.in_interval)), (ALARM, alarms)):
            for run in chosen:
                _fill(pen, runs[run][0], runs[run][2], runs[run][1], bottom, color)
        return fine.reduce(SUPERSAMPLING)


def short_clock(seconds: float, total: float) -> str:
    """0:07, 12:34 or, in a video of an hour and more, 1:02:03."""
    minutes, seconds = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if total >= 3600 else f"{minutes}:{seconds:02d}"


def _fill(pen: ImageDraw.ImageDraw, left: int, top: int, right: int, bottom: int, color) -> None:
    """Fill pixels [left, right) x [top, bottom); Pillow's own rectangles include their last pixel."""
    if right > left and bottom > top:
        pen.rectangle((left, top, right - 1, bottom - 1), color)


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont:
    import matplotlib

    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(str(fonts / "DejaVuSans-Bold.ttf"), size)
