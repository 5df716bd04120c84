"""The strip below an annotated picture: number and time, a bar for this frame, and the whole video with its
intervals."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from score.predict.intervals import Interval
from score.predict.timeline import Timeline

PAPER, TRACK, BAND, EDGE = (18, 22, 28), (31, 37, 45), (88, 32, 34), (58, 66, 77)  # RGB
INK, SOFT, SCORE, ALARM = (244, 246, 248), (158, 168, 180), (86, 180, 233), (255, 77, 66)
UNSEEN = 0.45  # how bright what is still to come is drawn
SHARE, LEAST, MOST = 0.15, 44, 176  # of the picture's short side, and pixels
TEXT_WIDTH = 150  # narrower pictures get no numbers
SUPERSAMPLED = 4


def score_bar_height(width: int, height: int) -> int:
    """Pixels, so that picture and strip together are even."""
    wanted = min(MOST, max(LEAST, round(SHARE * min(width, height))))
    return wanted + (height + wanted) % 2


class ScoreBar:
    """Draws the strip of one video for any of its frames; the same frame always gives the same pixels.

    width: of the picture, at least 16. height: of the strip.
    """

    def __init__(
        self, timeline: Timeline, intervals: Sequence[Interval], *, threshold: float, width: int, height: int
    ):
        self.timeline, self.threshold = timeline, threshold
        self.width, self.height = width, height
        self.unit = max(1, round(height / 48))
        self.in_interval = np.zeros(len(timeline.score), dtype=bool)
        for each in intervals:
            self.in_interval[timeline.run_of(each.start_frame) : timeline.run_of(each.stop_frame - 1) + 1] = (
                True
            )
        unit = self.unit
        self.texts = width >= TEXT_WIDTH
        self.text_width = (
            max(_glyphs("0.00", self._size(0.4)).shape[1], _glyphs("00:00", self._size(0.24)).shape[1])
            if self.texts
            else 0
        )
        self.bar_left = 4 * unit + (self.text_width + 6 * unit if self.texts else 0)
        self.left = self.bar_left + 5 * unit + 5 * unit
        self.right = max(self.left + 2, width - 4 * unit)
        self.top, self.bottom = 4 * unit + 3 * unit, height - 5 * unit
        self.begin, self.end = float(timeline.seconds[0]), float(timeline.seconds[-1])
        self.seen = self._background()
        self.unseen = self.seen.copy()
        plot = self.unseen[:, self.left : self.right]
        plot[:] = (plot * UNSEEN + np.array(PAPER) * (1 - UNSEEN)).astype(np.uint8)

    def draw(self, frame: int, seconds: float) -> np.ndarray:
        """The strip while a frame is shown: uint8 [height, width, 3]."""
        run, unit = self.timeline.run_of(min(frame, self.timeline.num_frames - 1)), self.unit
        score, inside = float(self.timeline.score[run]), bool(self.in_interval[run])
        share = (seconds - self.begin) / max(self.end - self.begin, 1e-9)
        head = self.left + round(min(max(share, 0.0), 1.0) * (self.right - self.left - 1))
        picture = self.seen.copy()
        picture[:, head : self.right] = self.unseen[:, head : self.right]
        picture[: 3 * unit] = ALARM if inside else EDGE
        color = ALARM if score >= self.threshold else SCORE
        full = self.bottom - self.top
        level = self.bottom - round(score * full)
        picture[level : self.bottom, self.bar_left : self.bar_left + 5 * unit] = color
        mark = self.bottom - round(self.threshold * full)
        picture[
            max(self.top, mark - unit // 2) : mark - unit // 2 + max(1, unit),
            self.bar_left - unit : self.bar_left + 6 * unit,
        ] = INK
        first = max(0, head - unit // 2)
        picture[3 * unit : self.height - 2 * unit, first : first + max(2, unit)] = INK
        if self.texts:
            self._text(
                picture, f"{score:.2f}", 0.4, ALARM if score >= self.threshold else INK, top=self.top - unit
            )
            self._text(picture, short_clock(seconds, self.end), 0.24, SOFT, bottom=self.height - 4 * unit)
        return picture

    def _background(self) -> np.ndarray:
        picture = np.empty((self.height, self.width, 3), np.uint8)
        picture[:] = PAPER
        picture[self.top : self.bottom, self.bar_left : self.bar_left + 5 * self.unit] = TRACK
        high, columns = self.bottom - self.top, self.right - self.left
        score, inside = self._columns(columns * SUPERSAMPLED)
        rows = np.arange(high, dtype=np.float32)[:, None]

        def covered(
            level: np.ndarray,
        ) -> np.ndarray:  # [w] in [0, 1] -> how much of each pixel lies below, [high, columns]
            part = (level * high - (high - 1 - rows)).clip(0, 1)
            return part.reshape(high, columns, SUPERSAMPLED).mean(axis=2)[:, :, None]

        alarmed = inside.astype(np.float32).reshape(columns, SUPERSAMPLED).mean(axis=1)[None, :, None]
        plot = TRACK + alarmed * np.subtract(BAND, TRACK)
        thick = max(1, self.unit // 2)
        line = min(max(round((1 - self.threshold) * high - thick / 2), 0), high - thick)
        plot = np.repeat(plot, high, axis=0)
        plot[line : line + thick, np.arange(columns) // (4 * self.unit) % 2 == 0] = SOFT
        level = np.maximum(score, 1.5 / high).astype(np.float32)
        for part, color in (
            (covered(np.where(inside, 0, level)), SCORE),
            (covered(np.where(inside, level, 0)), ALARM),
        ):
            plot += part * (np.array(color, np.float32) - plot)
        picture[self.top : self.bottom, self.left : self.right] = plot.round().clip(0, 255).astype(np.uint8)
        return picture

    def _columns(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Of each column: its highest score float [count], and whether it touches an interval."""
        bounds = np.linspace(self.begin, self.end, count + 1)
        runs = len(self.timeline.score)
        first = (np.searchsorted(self.timeline.seconds, bounds[:-1], side="right") - 1).clip(0, runs - 1)
        stop = np.searchsorted(self.timeline.seconds, bounds[1:], side="left").clip(first + 1, runs)
        pairs = np.stack([first, stop], axis=1).ravel()
        # reduceat needs places inside the array: one more at the end, which no maximum can be
        score = np.maximum.reduceat(np.append(self.timeline.score, -1.0), pairs)[::2]
        inside = np.maximum.reduceat(np.append(self.in_interval, False), pairs)[::2]
        return score, inside

    def _size(self, share: float) -> int:
        return max(9, round(share * self.height))

    def _text(
        self,
        picture: np.ndarray,
        text: str,
        share: float,
        color: tuple[int, int, int],
        *,
        top: int | None = None,
        bottom: int | None = None,
    ) -> None:
        mask = _glyphs(text, self._size(share))
        top = bottom - mask.shape[0] if top is None else top
        left = 4 * self.unit + max(0, self.text_width - mask.shape[1])
        mask = mask[: self.height - top, : self.width - left, None]
        place = picture[top : top + mask.shape[0], left : left + mask.shape[1]]
        place[:] = (place + (np.array(color) - place) * mask).round().astype(np.uint8)


def short_clock(seconds: float, total: float) -> str:
    """0:07, 12:34 or, where the video lasts an hour, 1:02:03."""
    minutes, seconds = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if total >= 3600 else f"{minutes}:{seconds:02d}"


@lru_cache(maxsize=4096)
def _glyphs(text: str, size: int) -> np.ndarray:
    """How much ink each pixel of a line of text has: float32 [h, w] in [0, 1]; all texts of a size are
    equally high."""
    from PIL import Image, ImageDraw

    font = _font(size)
    left, _, right, _ = font.getbbox(text)
    _, top, _, bottom = font.getbbox("0123456789:.")
    image = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(image).text((-left, -top), text, fill=255, font=font)
    return np.asarray(image, dtype=np.float32) / 255


@lru_cache(maxsize=16)
def _font(size: int):
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(
        str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"), size
    )
