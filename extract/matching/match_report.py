"""What a match found, as lines for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from extract.matching.matcher import Candidate, Match
from extract.matching.networks.crop_views import CENTRE
from extract.matching.row_rules import Explained
from extract.presets import PRESETS
from extract.runtime.text import counted, listed

BY = {
    "name": "matched by name",
    "order": "names do not fit; taken in the order of names, which the numbers of rows confirm",
    "rows": "names do not fit; arrays are tried by their numbers of rows",
}
VERDICTS = {
    "same": "these are they",
    "close": "nearly: another decoder, filter or version of the weights",
    "none": "does not fit",
}
SHOWN_RULES, SHOWN_EXCEPTIONS = 4, 3
# Fewer videos fit many rules by chance.
FEW = 4
PLURAL = 2


def report_lines(match: Match) -> list[str]:
    """The whole report."""
    features = match.features
    shape = f"{features.feature_dim} numbers, {counted(features.num_crops, 'crop')}"
    files = f"{counted(len(features.entries), 'array')} in the layout {features.guess.layout}"
    lines = [f"features: {files}, axes {features.axes}: {shape}", *_left_out(match)]
    lines.append(f"videos: {_lengths(match)}; {BY[match.pairing.by]}")
    lines += ["rows:", *_rules(match)]
    lines += ["numbers:", *(f"  {line}" for line in match.structure.findings)]
    lines += _width(match)
    if match.candidates:
        lines += ["compared, best first:", *_table(match.candidates)]
        lines += [
            f"  {each.run.preset}: not everything was tried (--effort tries more)"
            for each in match.candidates
            if each.ended_early
        ]
    for candidate in match.fitting[:PLURAL]:
        lines += _details(candidate)
    if not match.fitting:
        lines += _none(match)
    lines.append(f"to use them as they are: {match.import_command}")
    return lines


def _left_out(match: Match) -> list[str]:
    features = match.features
    lines = [f"  {note}" for note in [*features.notes, *match.notes]]
    if features.problems:
        lines.append(f"  left out: {listed(features.problems, shown=3, separator='; ')}")
    if other := len(features.shapes) - len(features.counts()):
        lines.append(f"  {counted(other, 'array')} of another width or number of crops are left out")
    if features.unread:
        lines.append(f"  {counted(features.unread, 'array')} were not read (--arrays reads more)")
    return lines


def _lengths(match: Match) -> str:
    frames = [video.frames for video in match.lengths]
    text = f"{counted(len(frames), 'video')} decoded, {min(frames)} to {max(frames)} frames"
    differing = [video for video in match.lengths if video.header not in (None, video.frames)]
    if differing:
        first = differing[0]
        text += (
            f", of which {len(differing)} have another number in their header "
            f"({first.video_id}: {first.header}, decoded {first.frames})"
        )
    return text


def _rules(match: Match) -> list[str]:
    rules = match.pairing.rules
    best = [each for each in rules if each.count == rules[0].count == rules[0].of] or rules
    if rules and rules[0].rule.fixed is not None:
        best = rules[:1]  # what else one or two videos allow is chance
    lines = [f"  {_rule(each)}" for each in best[:SHOWN_RULES]]
    if rules and rules[0].of < FEW and rules[0].rule.fixed is None:
        lines.append(f"  {counted(rules[0].of, 'video')} cannot tell many rules apart; more would")
    if not lines:
        lines.append("  no rule explains the number of rows of any video")
    if match.per_row is not None:
        frames, seconds = match.per_row
        lines.append(f"  all together one row for {frames:.2f} frames, {seconds:.3f} s")
    return lines


def _rule(each: Explained) -> str:
    line = f"{each.count} of {each.of} videos: {each.rule.words()}"
    if each.exceptions:
        shown = [f"{id} has {found}, not {rows}" for id, rows, found in each.exceptions]
        line += f" (but {listed(shown, shown=SHOWN_EXCEPTIONS)})"
    return line


def _width(match: Match) -> list[str]:
    presets = listed(match.same_width, shown=20) if match.same_width else "none"
    line = f"presets with {match.features.feature_dim} numbers: {presets}"
    if match.elsewhere:
        line += f"; elsewhere: {match.elsewhere}"
    return [line, *not_compared_lines(match.not_compared)]


def not_compared_lines(reasons: Mapping[str, str]) -> list[str]:
    """A line for each reason; of one file that fits several networks as little, the first reason stands."""
    groups: dict[str, dict[str, str]] = {}
    for preset, reason in reasons.items():
        known = PRESETS.get(preset)
        names = {preset, preset if known is None or known.backbone is None else known.backbone}
        for name in sorted(names, key=len, reverse=True):
            reason = reason.replace(name, "PRESET")
        groups.setdefault(reason.partition(": ")[0], {})[preset] = reason
    lines = []
    for group in groups.values():
        first, same = reasons[next(iter(group))], len(set(group.values())) == 1
        said = first if same else f"{first}; nor does it fit the others"
        if same and len({reasons[preset] for preset in group}) > 1:
            said = group[next(iter(group))]
        lines.append(f"  not compared: {', '.join(group)}: {said}")
    return lines


def _table(candidates: Sequence[Candidate]) -> list[str]:
    rows = [("", "cosine", "centred", "scale", "rows", "network", "weights")]
    for candidate in candidates:
        found = candidate.trial.agreement
        rows.append(
            (
                found.verdict,
                f"{found.cosine:.5f}",
                "-" if found.centred is None else f"{found.centred:.4f}",
                f"{found.scale:.4g}",
                "-"
                if candidate.explained is None
                else f"{candidate.explained.count}/{candidate.explained.of}",
                f"{candidate.run.preset} ({candidate.tried} tries)",
                candidate.weights or "no weights",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _details(candidate: Candidate) -> list[str]:
    trial = candidate.trial
    found = trial.agreement
    centred = "" if found.centred is None else f", {found.centred:.4f} after the mean is subtracted"
    lines = [
        f"{candidate.run.preset}: {VERDICTS[candidate.verdict]}",
        f"  rows: {trial.timing.words()}",
        f"  cosine {found.cosine:.6f}{centred}, scale {found.scale:.4g} over {counted(found.rows, 'row')} "
        f"of {counted(trial.partners, 'video')}",
        f"  afterwards: {found.words()}",
    ]
    if trial.pixels is not None:
        lines.insert(2, f"  pixels: {trial.pixels.words()}")
    if trial.view != CENTRE:
        lines.append(f"  view: {trial.view}")
    if trial.crops:
        lines.append(f"  crops: {', '.join(trial.crops)} (cosine {trial.crops_cosine:.3f} to each other's)")
    lines.append(f"  to make more like them: {candidate.run.command}")
    if candidate.run.beyond:
        lines.append(f"  which does not do: {'; '.join(candidate.run.beyond)}")
    return lines


def _none(match: Match) -> list[str]:
    if match.candidates:
        reason = "rows that were computed here agree with none of them"
        if match.structure.incoherent:
            reason += ", and these seem to follow no video"
    elif match.same_width:
        reason = "nothing could be compared"
    else:
        reason = f"no preset has {match.features.feature_dim} numbers"
    return [f"none: {reason}"]
