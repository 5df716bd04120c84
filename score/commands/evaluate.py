"""vad-score evaluate: a run on stored features, or scores of any program, against a test list."""
from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path

import click

from score.truth import CONVENTION_NAMES


@click.command()
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option("--store", "stores", multiple=True, type=click.Path(path_type=Path), metavar="DIR",
              help="Feature store with the test videos; may be given again, as for train.")
@click.option("--scores", type=click.Path(path_type=Path), metavar="DIR",
              help="Instead of RUN: DIR/<video_id>.npy, one score a frame.")
@click.option("--segment-length", type=click.IntRange(1), metavar="N",
              help="A score of --scores stands for N frames.")
@click.option("--list", "lists", multiple=True, required=True, metavar="LIST",
              help="Test videos: TSV, DATASET/test or folder.")
@click.option("--convention", default=CONVENTION_NAMES[0], show_default=True,
              type=click.Choice(CONVENTION_NAMES), help="How truth counts frames; the others are those of published code.")
@click.option("--missing", default="error", show_default=True, type=click.Choice(["error", "zero"]),
              help="Test videos without features or scores: refuse, or score them 0.")
@click.option("--allow-leak", is_flag=True, help="Go on although test videos were used in training.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write all numbers.")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write one HTML page.")
@click.option("--figures", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Write roc.png and timelines.png.")
@click.option("--resamples", default=1000, show_default=True, type=click.IntRange(0),
              help="Draws of the interval; 0 for none.")
@click.option("--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda"]))
def evaluate(
    run, stores, scores, segment_length, lists, convention, missing, allow_leak, json_file, report, figures, resamples,
    device,
):
    """Judge RUN (all its seeds) on test videos: frame and video AUC and AP, with what they are to be read
    against.

    Deviations are over seeds, intervals over videos. Exit code: 0 done, also where frame truth is lacking
    and only video measures exist; 2 wrong usage, lists, stores or scores.
    """
    from data_lists import resolve_lists
    from score.evaluate import evaluate_run, evaluate_scores

    _check_usage(run, stores, scores, segment_length)
    videos = resolve_lists(lists)
    if scores is not None:
        evaluation = evaluate_scores(
            scores, videos, segment_length=segment_length, convention=convention, missing=missing, resamples=resamples
        )
    else:
        from score.dataset import open_stores
        from score.device import choose_device

        evaluation = evaluate_run(
            run, open_stores(stores), videos, missing=missing, convention=convention, allow_leak=allow_leak,
            device=choose_device(device), resamples=resamples,
        )
    _print(evaluation)
    _write(evaluation, json_file=json_file, report=report, figures=figures)


def _check_usage(run: Path | None, stores: tuple, scores: Path | None, segment_length: int | None) -> None:
    if (run is None) == (scores is None):
        raise click.UsageError("give RUN with --store, or --scores DIR")
    if run is not None and not stores:
        raise click.UsageError("RUN needs --store, the features of the test videos")
    if run is None and stores:
        raise click.UsageError("--scores takes no --store")
    if run is not None and segment_length is not None:
        raise click.UsageError("--segment-length goes with --scores; a store knows its own segments")


def _print(evaluation) -> None:
    from score.evaluation_json import NAMES, ORACLE_NAMES, reading, table, undefined

    click.echo(f"{evaluation.title}: {reading(evaluation)}; truth: {evaluation.convention}")
    rows = table(evaluation)
    width = max(len(name) for name, _ in rows)
    for name, number in rows:
        click.echo(f"  {name:<{width}}  {number}")
    reasons: dict[str, list[str]] = {}
    for name, reason in undefined(evaluation).items():
        reasons.setdefault(reason, []).append((NAMES | ORACLE_NAMES)[name])
    for reason, names in reasons.items():
        click.echo(f"no {'; no '.join(names)}: {reason}")
    for note in evaluation.notes:
        click.echo(f"note: {note}")


def _write(evaluation, *, json_file: Path | None, report: Path | None, figures: Path | None) -> None:
    from score.evaluation_json import to_json

    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(to_json(evaluation), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    if report is not None:
        from score.report import write_report

        command = shlex.join([os.path.basename(sys.argv[0]), *sys.argv[1:]])
        write_report(evaluation, report, command=command)
    if figures is not None:
        from score.plots import roc_figure, timelines_figure

        figures.mkdir(parents=True, exist_ok=True)
        (figures / "roc.png").write_bytes(roc_figure(evaluation))
        (figures / "timelines.png").write_bytes(timelines_figure(evaluation))
    for path in (json_file, report, figures):
        if path is not None:
            click.echo(f"written: {path}")
