"""The lines that vad-score evaluate prints."""

from __future__ import annotations

import click

SHOWN = 3  # undefined measures that are named per reason


def print_evaluation(evaluation, *, verbose: bool) -> None:
    """Print an evaluation. verbose: all measures instead of the headline."""
    from extract.runtime.text import listed
    from score.evaluation.measure_names import IN_THE_FRAME, NAMES, ORACLE_NAMES
    from score.report.summary import column_text, groups, headline, threshold_text, undefined

    convention = evaluation.provenance.convention
    click.echo(f"{evaluation.title}: {column_text(evaluation)}; truth: {convention}")
    # Pixel measures exist only with --masks or --boxes, so they are shown without --verbose, too.
    shown = [each for each in groups(evaluation) if verbose or each[0] == IN_THE_FRAME]
    parts = [("", headline(evaluation)), *shown]
    width = max(len(line.name) for _, lines in parts for line in lines)
    for title, lines in parts:
        if title:
            click.echo(title)
        for line in lines:
            click.echo(f"  {line.name:<{width}}  {line.text}")
    if not verbose:
        click.echo(
            f"threshold {threshold_text(evaluation)}; --verbose prints its alarms and all other measures"
        )
    smoothing = str(evaluation.operating_point.smoothing)
    if smoothing != "none":
        click.echo(f"scores smoothed by {smoothing}")
    reasons: dict[str, list[str]] = {}
    for name, reason in undefined(evaluation).items():
        reasons.setdefault(reason, []).append((NAMES | ORACLE_NAMES)[name])
    for reason, names in reasons.items():
        click.echo(f"no {listed(names, shown=SHOWN, separator='; no ')}: {reason}")
    for note in evaluation.notes:
        click.echo(f"note: {note}")
