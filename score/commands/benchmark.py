"""vad-score benchmark: heads x stores x seeds -> one table."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import click

from score.evaluation.frame_truth import CONVENTION_NAMES


@click.command()
@click.option(
    "--head",
    "heads",
    multiple=True,
    metavar="NAME[:PRESET]",
    help="A row; may be given again. All heads unless given.",
)
@click.option(
    "--store",
    "stores",
    multiple=True,
    required=True,
    metavar="[NAME=]DIR[+DIR]",
    help="Feature store, a block of rows each; DIR+DIR joins stores, for example RGB and flow.",
)
@click.option(
    "--list",
    "lists",
    multiple=True,
    required=True,
    metavar="LIST",
    help="Training videos, or all videos with --folds: TSV, DATASET/train or folder.",
)
@click.option("--test-list", "test_lists", multiple=True, metavar="LIST", help="Test videos.")
@click.option(
    "--folds",
    type=click.IntRange(2),
    help="Instead of a test list: test every video in one of so many folds.",
)
@click.option(
    "--group-by",
    default="group",
    show_default=True,
    type=click.Choice(["group", "video"]),
    help="What folds do not divide.",
)
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(1), help="How many seeds.")
@click.option(
    "--preset",
    "presets",
    multiple=True,
    metavar="HEAD=NAME",
    help="Settings of a head, instead of its default ones.",
)
@click.option(
    "--set", "overrides", multiple=True, metavar="[HEAD:]A.B=C", help="One setting, of every head or of one."
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="For the runs and the table; gone on with where it was begun.",
)
@click.option(
    "--against", metavar="HEAD", help="The row that the others are compared with; the first unless given."
)
@click.option(
    "--test-selected",
    is_flag=True,
    help="Also what choosing the epoch on the test videos would report, in that column; slow.",
)
@click.option(
    "--convention",
    default=CONVENTION_NAMES[0],
    show_default=True,
    type=click.Choice(CONVENTION_NAMES),
    help="How truth counts frames.",
)
@click.option(
    "--resamples",
    default=1000,
    show_default=True,
    type=click.IntRange(0),
    help="Draws of the intervals; 0 for none.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    help="Trainings at a time; on a CPU as many as it has cores, on a GPU one.",
)
@click.option(
    "--threads", default=1, show_default=True, type=click.IntRange(1), help="Of the CPU, for each training."
)
@click.option("--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda"]))
def benchmark(
    heads,
    stores,
    lists,
    test_lists,
    folds,
    group_by,
    seeds,
    presets,
    overrides,
    out,
    against,
    test_selected,
    convention,
    resamples,
    jobs,
    threads,
    device,
):
    """Train and test heads on stores, every seed alike, and put them into one table.

    Give a test list, or folds. The epoch is chosen on a part of the training videos, as train does. The same
    command goes on with DIR: finished trainings are kept. DIR gets table.md, table.csv and benchmark.json.

    Exit code: 0 all done, 1 some head failed (its row says why), 2 wrong usage, lists or stores.
    """
    _check_usage(test_lists, folds, test_selected)
    from data_lists import resolve_lists
    from extract.runtime.device import choose_device
    from score.benchmark.comparison_plan import Plan, check_plan, make_entries, make_parts, make_stores

    entries = make_entries(heads, presets, overrides)
    if against is not None and against not in {entry.label for entry in entries}:
        labels = ", ".join(entry.label for entry in entries)
        raise ValueError(f"--against {against}: not among the rows {labels}")
    chosen = choose_device(device).type
    if chosen == "cuda" and (jobs or 1) > 1:
        raise ValueError("--jobs is for the CPU; on a GPU the seeds of a head share one process")
    test = resolve_lists(test_lists) if test_lists else ()
    parts, videos = make_parts(resolve_lists(lists), test, folds=folds or 0, group_by=group_by)
    plan = Plan(
        entries,
        make_stores(stores),
        parts,
        videos,
        seeds=seeds,
        folds=folds or 0,
        group_by=group_by,
        device=chosen,
        threads=threads,
        best_on_test=test_selected,
    )
    check_plan(plan, out, convention=convention)
    failed = _run(plan, out, jobs=jobs, against=against or "", convention=convention, resamples=resamples)
    if failed:
        sys.exit(1)


def _check_usage(test_lists: tuple, folds: int | None, test_selected: bool) -> None:
    if bool(test_lists) == bool(folds):
        raise click.UsageError("give --test-list, or --folds to test the videos of --list in turn")
    if folds and test_selected:
        raise click.UsageError("--test-selected goes with --test-list")


def _run(plan, out: Path, *, jobs: int | None, against: str, convention: str, resamples: int) -> bool:
    """Train, write and print; whether a cell failed."""
    from extract.runtime.atomic import write_text
    from score.benchmark.cell_pool import run_plan
    from score.benchmark.result_table import make_table
    from score.benchmark.table_text import markdown, to_csv

    jobs = jobs or (1 if plan.device == "cuda" else len(os.sched_getaffinity(0)))
    total = sum(1 for _ in plan.cells(out))
    results = run_plan(plan, out, jobs=jobs, on_result=_progress(total))
    click.echo("judging ...", err=True)
    table = make_table(plan, out, results, against=against, convention=convention, resamples=resamples)
    text = markdown(table)
    write_text(out / "table.md", text)
    write_text(out / "table.csv", to_csv(table))
    values = json.dumps(table.to_json(), indent=1, allow_nan=False)
    write_text(out / "benchmark.json", values + "\n")
    click.echo(text, nl=False)
    click.echo(f"written: {out}/table.md, table.csv, benchmark.json", err=True)
    return any(result.failure for result in results.values())


def _progress(total: int):
    """A printer of one line a finished cell, with the time that is left at this pace."""
    began, counts = time.monotonic(), {"kept": 0, "done": 0}

    def show(cell, result, kept: bool) -> None:
        counts["kept" if kept else "done"] += 1
        if kept:
            return
        number = counts["kept"] + counts["done"]
        seconds = (time.monotonic() - began) / counts["done"] * (total - number)
        left = f", about {int(seconds) // 60}:{int(seconds) % 60:02d} left" if number < total else ""
        auc = result.validation.get("video_auc")
        judged = "" if auc is None else f", validation video AUC {auc:.3f}"
        said = f"failed: {result.failure}" if result.failure else f"{result.train_seconds:.1f} s{judged}"
        if counts["done"] == 1 and counts["kept"]:
            click.echo(f"{counts['kept']} of {total} were finished before", err=True)
        click.echo(f"[{number}/{total}] {cell.title}: {said}{left}", err=True)

    return show
