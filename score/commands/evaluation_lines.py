"""The lines that vad-score evaluate prints."""

from __future__ import annotations

from extract.runtime.say import say

SHOWN = 3  # undefined measures that are named per reason


def print_evaluation(evaluation, *, verbose: bool, protocols=()) -> None:
    """Print an evaluation. verbose: all measures instead of the headline."""
    from extract.runtime.text import listed
    from score.evaluation.measure_names import IN_THE_FRAME, LIVE, NAMES, ORACLE_NAMES
    from score.report.summary import (
        PROTOCOL_TITLE,
        column_text,
        groups,
        headline,
        online_lines,
        protocol_lines,
        threshold_text,
        undefined,
    )

    convention = evaluation.provenance.convention
    say(f"{evaluation.title}: {column_text(evaluation)}; truth: {convention}")
    # These exist only with --masks, --boxes and --online, so they are shown without --verbose, too.
    shown = [each for each in groups(evaluation) if verbose or each[0] in (IN_THE_FRAME, LIVE)]
    parts = [("", headline(evaluation)), *shown]
    if protocols:
        parts.append((PROTOCOL_TITLE, protocol_lines(protocols)))
    width = max(len(line.name) for _, lines in parts for line in lines)
    for title, lines in parts:
        if title:
            say(title)
        for line in lines:
            say(f"  {line.name:<{width}}  {line.text}")
    if not verbose:
        say(f"threshold {threshold_text(evaluation)}; --verbose prints its alarms and all other measures")
    smoothing = str(evaluation.operating_point.smoothing)
    if smoothing != "none":
        say(f"scores smoothed by {smoothing}")
    for line in online_lines(evaluation):
        say(line)
    reasons: dict[str, list[str]] = {}
    for name, reason in undefined(evaluation).items():
        reasons.setdefault(reason, []).append((NAMES | ORACLE_NAMES)[name])
    for reason, names in reasons.items():
        say(f"no {listed(names, shown=SHOWN, separator='; no ')}: {reason}")
    for note in evaluation.notes:
        say(f"note: {note}")
