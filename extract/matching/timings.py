"""The hypotheses about time that are worth comparing: what the numbers of rows allow, and what presets do."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from extract.matching.fixed_rows import FIXED_ROWS
from extract.matching.recipes import Choice, Timing, clip_choices, frame_choices
from extract.matching.row_rules import Explained, RowRule
from extract.presets import Preset
from extract.segments import segment_length

# Different grids of rows that are compared.
MOST_GRIDS = 4
# Choices of frames that are tried where rows become a fixed number: the first of the table.
FIXED_CHOICES = 4


def grid_of(preset: Preset) -> tuple[int, int, float | None]:
    """(stride, length, fps) of a preset's rows."""
    length = segment_length(preset.clip_length, preset.frame_stride, preset.segment_stride)
    return preset.segment_stride, length, preset.fps


def likely_rules(rules: Sequence[Explained], presets: Sequence[Preset]) -> list[RowRule]:
    """One rule for each grid: those that explain most videos, then the presets' own."""
    best = rules[0].count if rules else 0
    found: dict[tuple, RowRule] = {}
    for each in rules:
        if each.count >= max(best / 2, 1) and each.rule.fixed is None and len(found) < MOST_GRIDS:
            found.setdefault(each.rule.grid, each.rule)
    for preset in presets:
        found.setdefault(grid_of(preset), RowRule(*grid_of(preset)[:2], preset.tail, preset.fps))
    return list(found.values())


def fixed_count(rules: Sequence[Explained]) -> int | None:
    """The number of rows that all videos have, where that comes first among the rules."""
    return rules[0].rule.fixed if rules else None


def network_timings(
    rules: Sequence[Explained],
    presets: Sequence[Preset],
    *,
    frames_alone: bool,
    accepts: Callable[[int], bool],
) -> list[Timing]:
    """Hypotheses for a network. frames_alone, accepts: as in CandidateNetwork."""

    def choices(stride: int, length: int) -> list[Choice]:
        if frames_alone:
            return frame_choices(max(length, stride))
        return clip_choices(stride, length, presets, accepts)

    if (rows := fixed_count(rules)) is not None:
        return _fixed(rows, presets, choices, frames_alone=frames_alone)
    found: dict[tuple, Timing] = {}
    for rule in likely_rules(rules, presets):
        for choice in choices(rule.stride, rule.length):
            # The same frames make the same rows, whatever length a rule says: the better rule has them.
            seen = (rule.stride, rule.fps, choice.clips, choice.largest)
            found.setdefault(seen, Timing(rule, choice))
    return list(found.values())


def descriptor_timings(rules: Sequence[Explained], presets: Sequence[Preset]) -> list[Timing]:
    """Hypotheses for a descriptor, which sees every frame of a segment."""
    found = []
    for rule in likely_rules(rules, presets):
        fields = (("clip_length", rule.length),)
        found.append(Timing(rule, Choice("all of its frames", (tuple(range(rule.length)),), fields=fields)))
    return found


def _fixed(rows: int, presets: Sequence[Preset], choices: Callable, *, frames_alone: bool) -> list[Timing]:
    strides = dict.fromkeys([16, *(grid_of(preset)[0] for preset in presets)])
    if frames_alone:
        strides = dict.fromkeys([1, *strides])
    return [
        Timing(RowRule(stride, stride, "drop", fixed=rows), choice, fixed)
        for fixed in FIXED_ROWS
        for stride in strides
        for choice in [each for each in choices(stride, stride) if not each.largest][:FIXED_CHOICES]
    ]
