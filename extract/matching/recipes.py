"""Which frames make a row: hypotheses about time, each a recipe of clips and weights for every row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from extract.matching.fixed_rows import FIXED_ROWS
from extract.matching.row_rules import RowRule
from extract.presets import Preset

Clip = tuple[int, ...]  # numbers of the frames that a network sees at once


@dataclass(frozen=True)
class Recipe:
    """One row: the vectors of `clips`, weighted and added; without weights, their largest numbers."""

    clips: tuple[Clip, ...]
    weights: tuple[float, ...] | None

    def pooled(self, rows: np.ndarray) -> np.ndarray:
        """rows: [clips, V, D] -> [V, D]."""
        return rows.max(axis=0) if self.weights is None else np.tensordot(self.weights, rows, axes=1)

    def thinned(self, most: int) -> Recipe:
        """The same with at most this many of its clips, evenly spread."""
        count = len(self.clips)
        if count <= most:
            return self
        kept = [int((place + 0.5) * count / most) for place in range(most)]
        clips = tuple(self.clips[place] for place in kept)
        if self.weights is None:
            return Recipe(clips, None)
        weights = [self.weights[place] for place in kept]
        return Recipe(clips, tuple(weight / sum(weights) for weight in weights))


@dataclass(frozen=True)
class Choice:
    """What of a segment a network sees. clips: of a segment that begins at frame 0.

    fields: those of a preset that say the same, None where no fields do. odd: one of the single frames that
    few people take.
    """

    name: str
    clips: tuple[Clip, ...]
    largest: bool = False
    fields: tuple[tuple[str, object], ...] | None = None
    odd: bool = False

    def recipe(self, start: int) -> Recipe:
        moved = tuple(tuple(start + frame for frame in clip) for clip in self.clips)
        return Recipe(moved, None if self.largest else (1 / len(moved),) * len(moved))


@dataclass(frozen=True)
class Timing:
    """A hypothesis: where rows begin, what of a segment is seen, and how rows become a fixed number."""

    rule: RowRule
    choice: Choice
    fixed: str | None = None  # key of FIXED_ROWS; the rule's grid is then that of the rows before

    @property
    def span(self) -> int:
        """Frames that a row needs from its start."""
        return max(self.rule.length, self.rule.stride, 1 + max(max(clip) for clip in self.choice.clips))

    def recipes(self, frames: int, *, whole: bool, most: int, rows: int) -> dict[int, Recipe]:
        """Number of a row -> its recipe, for up to `most` rows that lie in the first `frames` frames.

        rows: how many rows the features have. whole: whether the frames are all of the video.
        """
        count = (frames - self.span) // self.rule.stride + 1 if frames >= self.span else 0
        if self.fixed is not None:
            return self._fixed(count, most=most, rows=rows) if whole and count else {}
        return {row: self.choice.recipe(row * self.rule.stride) for row in _evenly(min(count, rows), most)}

    def _fixed(self, count: int, *, most: int, rows: int) -> dict[int, Recipe]:
        weights = FIXED_ROWS[str(self.fixed)](count, rows)
        recipes = {}
        for row in _evenly(rows, most):
            clips, parts = [], []
            for base in np.flatnonzero(weights[row]):
                one = self.choice.recipe(int(base) * self.rule.stride)
                clips += one.clips
                parts += [float(weights[row, base]) / len(one.clips)] * len(one.clips)
            recipes[row] = Recipe(tuple(clips), tuple(parts))
        return recipes

    def words(self) -> str:
        if self.fixed is None:
            return f"{self.rule.words()}; {self.choice.name}"
        base = "frames" if self.rule.stride == 1 else f"rows of {self.rule.stride} frames"
        seen = "" if self.rule.stride == 1 else f" ({self.choice.name})"
        return f"{self.rule.fixed} rows from a video's {base}{seen}: {self.fixed}"


def _fields(length: int, *, step: int = 1, start: int = 0, sampling: str = "stride") -> tuple:
    """Fields of a preset. A clip of one frame has no distance between frames."""
    fields = (("clip_length", length), ("clip_start", start), ("sampling", sampling))
    return fields if length == 1 else (*fields, ("frame_stride", step))


def frame_choices(length: int) -> list[Choice]:
    """For networks of single frames: which of the `length` frames of a segment, and how they are pooled."""
    if length == 1:
        return [Choice("its frame", ((0,),), fields=_fields(1))]
    every = tuple(range(length))
    choices = [
        Choice(f"the mean of its {length} frames", _single(every), fields=_fields(length)),
        *(
            Choice(f"its {name} frame", ((place,),), fields=_fields(1, start=place))
            for name, place in (("first", 0), ("middle", length // 2), ("last", length - 1))
        ),
        Choice(f"the largest numbers of its {length} frames", _single(every), largest=True),
    ]
    for step in (2, 4, 8):
        if length % step == 0 and length > step:
            fields = _fields(length // step, step=step)
            choices.append(
                Choice(f"the mean of every {ordinal(step)} frame", _single(every[::step]), fields=fields)
            )
    for count in (3, 4, 5, 8):
        if count < length:
            fields = _fields(count, step=length // count, sampling="linspace")
            fields = fields if length % count == 0 else None
            spread = _spread(length, count)
            choices.append(
                Choice(f"the mean of {count} frames from first to last", _single(spread), fields=fields)
            )
    known = {choice.clips for choice in choices}
    others = [
        Choice(f"its frame {frame}, counted from 0", ((frame,),), fields=_fields(1, start=frame), odd=True)
        for frame in every
    ]
    return choices + [each for each in others if each.clips not in known]


def clip_choices(
    stride: int, length: int, presets: Sequence[Preset], accepts: Callable[[int], bool]
) -> list[Choice]:
    """For networks of clips: which frames of a segment they see. accepts: whether a clip may be so long."""
    found: dict[Clip, Choice] = {}
    span = max(length, stride)
    sizes = [(preset.clip_length, preset.frame_stride) for preset in presets]
    lengths = dict.fromkeys([clip for clip, _ in sizes] + [16, 8, 32, 64])
    sizes += [(span, 1), (length, 1)]
    sizes += [(clip, span // clip) for clip in lengths if clip <= span]
    # clips that reach to the next row are more likely than those of another distance
    for clip, step in sorted(sizes, key=lambda each: each[0] * each[1] != span):
        if step >= 1 and clip >= 1 and accepts(clip):
            frames = tuple(range(0, clip * step, step))
            name = f"{clip} frames" + (f", every {ordinal(step)}" if step > 1 else "")
            found.setdefault(frames, Choice(name, (frames,), fields=_fields(clip, step=step)))
    for clip in lengths:
        if accepts(clip) and clip < span:
            fields = _fields(clip, step=span // clip, sampling="linspace") if span % clip == 0 else None
            spread = _spread(span, clip)
            found.setdefault(spread, Choice(f"{clip} frames from first to last", (spread,), fields=fields))
            start = (span - clip) // 2
            middle = tuple(range(start, start + clip))
            fields = _fields(clip, start=start)
            found.setdefault(middle, Choice(f"the {clip} frames in the middle", (middle,), fields=fields))
    return list(found.values())


def ordinal(number: int) -> str:
    """Such as 2nd, 4th or 21st."""
    teens = 10 < number % 100 < 20
    return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _spread(length: int, count: int) -> Clip:
    """Frames from the first to the last of `length`, cut to whole numbers."""
    return tuple(int(each) for each in np.linspace(0, length - 1, count))


def _single(frames: Sequence[int]) -> tuple[Clip, ...]:
    return tuple((frame,) for frame in frames)


def _evenly(count: int, most: int) -> list[int]:
    """Up to `most` of `count` rows, with the last one: the first one says nothing about the stride."""
    if count <= most:
        return list(range(count))
    return [round((count - 1) * (place + 1) / most) for place in range(most)]
