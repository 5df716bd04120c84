"""How many rows a video of F frames has, by every rule that people use: a literal table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from extract.segments import segment_spans

# Frames from row to row; what people use most stands first, and decides ties.
STEPS = (16, 1, 8, 32, 64, 24, 4, 2, 10, 5, 15, 25, 30, 12, 20, 3, 6, 40, 48, 50, 60, 100, 128)
# (frames of a clip, frames from clip to clip) where clips overlap.
OVERLAPS = tuple(
    (length, step) for length in (16, 32, 64, 8) for step in (8, 4, 2, 1, 16, 32) if step < length
)
# Frames per second that videos are resampled to; None = their own.
RATES = (None, 25.0, 30.0, 24.0, 10.0, 15.0, 12.0, 8.0, 5.0, 4.0, 3.0, 2.0, 1.0)
TAILS = {
    "pad": "a partial segment at the end is a row",
    "drop": "a partial segment at the end is dropped",
    "short": "the last full segment is missing where it ends with the video, as in loops that stop one early "
    "and in rows of F - 1 flow images",
    "more": "one row more than there are full segments",
}
# Numbers of rows that every video is brought to: Sultani et al., CVPR 2018, have 32.
LEAST_FOR_FIXED = 3
FIXED = "every video has {rows} rows"


@dataclass(frozen=True)
class VideoLength:
    """How long a video is. frames: decoded. header: as its container claims. seconds: of all frames."""

    video_id: str
    frames: int
    header: int | None
    seconds: float


@dataclass(frozen=True)
class RowRule:
    """Rows of `length` frames every `stride` frames; `fixed` rows for every video instead, if set."""

    stride: int
    length: int
    tail: str
    fps: float | None = None
    by_header: bool = False
    fixed: int | None = None

    @property
    def grid(self) -> tuple[int, int, float | None]:
        """What decides where rows begin."""
        return self.stride, self.length, self.fps

    def rows(self, video: VideoLength) -> int | None:
        """N of a video; None where the rule says nothing about it."""
        if self.fixed is not None:
            return self.fixed
        frames = video.header if self.by_header else video.frames
        if frames is None:
            return None
        if self.fps is not None:
            frames = max(1, round(video.seconds * self.fps))  # as extract.decode.sampling picks frames
        if self.tail == "more":
            return frames // self.stride + 1
        if self.tail == "short":
            frames -= 1
        tail = "pad" if self.tail == "pad" else "drop"
        return len(segment_spans(max(frames, 0), self.length, 1, self.stride, tail))

    def words(self) -> str:
        """The rule as a sentence."""
        if self.fixed is not None:
            return FIXED.format(rows=self.fixed)
        clips = "one row for each frame" if self.stride == 1 and self.length == 1 else None
        if clips is None:
            clips = f"a row every {self.stride} frames"
            clips += f", each of {self.length}" if self.length != self.stride else ""
        rate = f" at {self.fps:g} frames per second" if self.fps else ""
        counted = " counted by the header" if self.by_header else ""
        tail = (
            ""
            if self.stride == 1 and self.tail in ("pad", "drop") and self.length == 1
            else f"; {TAILS[self.tail]}"
        )
        return clips + rate + counted + tail


@dataclass(frozen=True)
class Explained:
    """A rule, and how many of the videos it explains. exceptions: (id, rows by the rule, rows found)."""

    rule: RowRule
    count: int
    of: int
    exceptions: tuple[tuple[str, int, int], ...] = ()


def all_rules(extra: Sequence[tuple[int, int, float | None]] = ()) -> list[RowRule]:
    """Every rule, in the order that decides ties. extra: (stride, length, fps) of presets."""
    rules = []
    for fps in RATES:
        grids = [(step, step) for step in STEPS] + [(step, length) for length, step in OVERLAPS]
        for step, length in grids:
            tails = ("pad", "drop", "short", "more") if step == length else ("drop", "pad", "short")
            rules += [RowRule(step, length, tail, fps) for tail in tails]
    rules += [RowRule(stride, length, tail, fps) for stride, length, fps in extra for tail in ("pad", "drop")]
    rules += [
        RowRule(rule.stride, rule.length, rule.tail, by_header=True) for rule in rules if rule.fps is None
    ]
    return list(dict.fromkeys(rules))


def explain(
    videos: Sequence[VideoLength],
    found: Mapping[str, int],
    counts: Sequence[int],
    *,
    extra: Sequence = (),
    most: int = 12,
) -> list[Explained]:
    """The rules that explain most videos, best first, of rules that say the same the first alone.

    found: video id -> N. A video without an entry there is left out. counts: N of every array, with or
    without a video.
    """
    known = [video for video in videos if video.video_id in found]
    if not known:
        return []
    results: dict[tuple, Explained] = {}
    for rule in _with_fixed(all_rules(extra), counts, known):
        predicted = [rule.rows(video) for video in known]
        wrong = tuple(
            (video.video_id, -1 if rows is None else rows, found[video.video_id])
            for video, rows in zip(known, predicted, strict=True)
            if rows != found[video.video_id]
        )
        key = (tuple(predicted), rule.grid)
        if len(wrong) < len(known) and key not in results:
            results[key] = Explained(rule, len(known) - len(wrong), len(known), wrong)
    ranked = sorted(results.values(), key=lambda each: -each.count)
    return ranked[:most]


def explain_counts(
    videos: Sequence[VideoLength], counts: Sequence[int], *, extra: Sequence = (), most: int = 12
) -> list[Explained]:
    """As explain, where nobody knows which array belongs to which video: by the numbers of rows alone.

    counts: N of every array. A rule explains a video if an array of its N is left for it.
    """
    results: dict[tuple, Explained] = {}
    for rule in _with_fixed(all_rules(extra), counts, videos):
        predicted = [rule.rows(video) for video in videos]
        shared = Counter(each for each in predicted if each is not None) & Counter(counts)
        key = (tuple(predicted), rule.grid)
        if shared and key not in results:
            results[key] = Explained(rule, shared.total(), len(videos))
    return sorted(results.values(), key=lambda each: -each.count)[:most]


def frames_per_row(videos: Sequence[VideoLength], found: Mapping[str, int]) -> tuple[float, float] | None:
    """(frames, seconds) for a row over all videos, for those who want to see what no rule explains."""
    known = [video for video in videos if found.get(video.video_id)]
    rows = sum(found[video.video_id] for video in known)
    if not rows:
        return None
    return sum(video.frames for video in known) / rows, sum(video.seconds for video in known) / rows


def _with_fixed(rules: list[RowRule], counts: Sequence[int], videos: Sequence[VideoLength]) -> list[RowRule]:
    """With a fixed number of rows that every array has: before other rules, unless the videos are as long."""
    number, times = Counter(counts).most_common(1)[0]
    if times < len(counts) or len(counts) < 2:
        return rules
    fixed = RowRule(1, 1, "drop", fixed=number)
    equally_long = len(videos) > 1 and len({video.frames for video in videos}) == 1
    return [*rules, fixed] if equally_long or len(counts) < LEAST_FOR_FIXED else [fixed, *rules]
