"""vad-score benchmark: trains heads x stores x seeds and writes one table."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import click

from extract.runtime.machine.limits import cores
from extract.runtime.options.lazy_choice import LazyChoice
from extract.runtime.say import say
from extract.store.output_file import check_output_folder
from score.commands.common_options import (
    device_option,
    join_option,
    read_texts,
    text_names_option,
    texts_option,
)


@click.command()
@click.option(
    "--head",
    "heads",
    multiple=True,
    metavar="NAME[:PRESET]",
    help="Head of one row; repeat it for more rows.  [default: all heads on features]",
)
@click.option(
    "--store",
    "stores",
    multiple=True,
    required=True,
    metavar="[NAME=]DIR[+DIR]",
    help="Feature store, with its own block of rows; repeat it for more. DIR+DIR joins stores, such as RGB "
    "and "
    "flow.",
)
@click.option(
    "--list",
    "lists",
    multiple=True,
    required=True,
    metavar="LIST",
    help="Training videos, or with --folds all videos: a TSV file, DATASET/train or a folder; may be "
    "repeated.",
)
@join_option("data.segments.join, which is exact unless set")
@texts_option
@text_names_option
@click.option("--test-list", "test_lists", multiple=True, metavar="LIST", help="Test videos, as for --list.")
@click.option(
    "--folds",
    type=click.IntRange(2),
    help="Instead of --test-list: number of folds for cross-validation over all videos.",
)
@click.option(
    "--group-by",
    default="group",
    show_default=True,
    type=click.Choice(["group", "video"]),
    help="What folds keep together: the groups of the lists, such as cameras, or single videos.",
)
@click.option(
    "--seeds",
    default=5,
    show_default=True,
    type=click.IntRange(1),
    help="Number of trainings per row, with seeds 0, 1, ...",
)
@click.option(
    "--preset",
    "presets",
    multiple=True,
    metavar="HEAD=NAME",
    help="Preset of a head, instead of its default one; may be repeated.",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="[HEAD:]A.B=C",
    help="Override one setting of all heads or one, for example mil:head.dropout=0.5; may be repeated.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder for the runs and the table. If it exists, unfinished trainings are resumed.",
)
@click.option(
    "--against", metavar="HEAD", help="Row with which the others are compared.  [default: the first]"
)
@click.option(
    "--test-selected",
    is_flag=True,
    help="Add what choosing the epoch, the crop and the smoothing on the test videos would add, as much "
    "published code does; with --folds, on those of each fold. Slow.",
)
@click.option(
    "--online",
    is_flag=True,
    help="Also measure what each head would do live, as evaluate --online does. Needs --test-list.",
)
@click.option(
    "--val",
    "validation_lists",
    multiple=True,
    metavar="LIST",
    help="Normal videos on which the thresholds of --online are chosen, the same for all heads.  [default: "
    "those that training held out, else those it was trained on]",
)
@click.option(
    "--convention",
    default="native",
    show_default=True,
    type=LazyChoice("score.evaluation.frame_truth:CONVENTION_NAMES"),
    help="How annotations become frame labels; all but native follow published code.",
)
@click.option(
    "--resamples",
    default=1000,
    show_default=True,
    type=click.IntRange(0),
    help="Bootstrap draws for the 95 % intervals; 0 writes no intervals.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    help="Number of trainings at a time.  [default: CPU cores; 1 on a GPU]",
)
@click.option(
    "--threads",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="CPU threads per training; the last bits of the numbers depend on it.",
)
@device_option
def benchmark(
    heads,
    stores,
    join,
    texts_file,
    text_names,
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
    online,
    validation_lists,
    convention,
    resamples,
    jobs,
    threads,
    device,
):
    """Train and test heads on feature stores, and compare them in one table.

    Give --test-list or --folds. As in train, the epoch is selected on held-out training videos. DIR gets
    table.md, table.csv and benchmark.json. The same command resumes an interrupted benchmark.

    Exit code: 0 success, 1 a head failed (its row gives the reason), 2 wrong usage, lists or stores.
    """
    _check_usage(test_lists, folds, online=online, validation_lists=validation_lists)
    check_output_folder(out, option="--out")
    from data_lists import resolve_lists
    from extract.runtime.device import choose_device, import_torch

    import_torch()  # first of all, since others import it
    from score.benchmark.comparison_plan import Plan, check_plan, make_parts, make_stores
    from score.benchmark.entries import make_entries
    from score.runs.run_lock import locked

    joining = [f"data.segments.join={join}"] if join else []
    entries = make_entries(heads, presets, [*overrides, *joining])
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
        texts=read_texts(texts_file, text_names),
        online=_online_choice(validation_lists, convention) if online else None,
    )
    # For the whole benchmark: a second one would write the same cells.
    click.get_current_context().with_resource(locked(out, work="benchmark"))
    check_plan(plan, out, convention=convention)
    failed = _run(plan, out, jobs=jobs, against=against or "", convention=convention, resamples=resamples)
    if failed:
        sys.exit(1)


def _check_usage(test_lists: tuple, folds: int | None, *, online: bool, validation_lists: tuple) -> None:
    if bool(test_lists) == bool(folds):
        raise click.UsageError("give --test-list, or --folds to cross-validate over the videos of --list")
    if folds and online:
        raise click.UsageError("--online needs --test-list")
    if validation_lists and not online:
        raise click.UsageError("--val goes with --online, whose thresholds it chooses")


def _online_choice(validation_lists: tuple, convention: str):
    from data_lists import resolve_lists
    from score.alerts.recorded_alerts import alert_raiser
    from score.benchmark.cell_online import OnlineChoice

    validation = resolve_lists(validation_lists) if validation_lists else ()
    return OnlineChoice(alert_raiser(), convention, tuple(validation))


def _run(plan, out: Path, *, jobs: int | None, against: str, convention: str, resamples: int) -> bool:
    """Train, write the table and print it. Returns whether a training failed."""
    from extract.runtime.atomic import write_text
    from score.benchmark.cell_pool import run_plan
    from score.benchmark.result_table import make_table
    from score.benchmark.table_text import markdown, to_csv

    # A GPU is shared by the seeds of one process; more processes would compete for its memory.
    jobs = jobs or (1 if plan.device == "cuda" else cores())
    total = sum(1 for _ in plan.cells(out))
    results = run_plan(plan, out, jobs=jobs, on_result=_progress(total), on_damage=_say_damage)
    say("evaluating ...", err=True)
    table = make_table(plan, out, results, against=against, convention=convention, resamples=resamples)
    text = markdown(table)
    write_text(out / "table.md", text)
    write_text(out / "table.csv", to_csv(table))
    values = json.dumps(table.to_json(), indent=1, allow_nan=False)
    write_text(out / "benchmark.json", values + "\n")
    for line in text.removesuffix("\n").split("\n"):
        say(line)
    say(f"written: {out}/table.md, table.csv, benchmark.json", err=True)
    return any(result.failure for result in results.values())


def _say_damage(cell, damage: str) -> None:
    say(f"{cell.title}: computed again, because {damage}", err=True)


def _progress(total: int):
    """A callback that prints one line per finished training, with the estimated time left."""
    began, counts = time.monotonic(), {"kept": 0, "done": 0}

    def show(cell, result, kept: bool) -> None:
        counts["kept" if kept else "done"] += 1
        if kept:
            return
        number = counts["kept"] + counts["done"]
        seconds = (time.monotonic() - began) / counts["done"] * (total - number)
        left = f", about {int(seconds) // 60}:{int(seconds) % 60:02d} left" if number < total else ""
        auc = result.validation.get("video_auc")
        validated = "" if auc is None else f", validation video AUC {auc:.3f}"
        outcome = (
            f"failed: {result.failure}" if result.failure else f"{result.train_seconds:.1f} s{validated}"
        )
        if counts["done"] == 1 and counts["kept"]:
            say(f"{counts['kept']} of {total} trainings were already finished", err=True)
        say(f"[{number}/{total}] {cell.title}: {outcome}{left}", err=True)

    return show
