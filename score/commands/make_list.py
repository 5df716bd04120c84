"""vad-score make-list: turns the truth that people have into a list, or shows what it was understood as."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from extract.runtime.say import say
from extract.store.option import STORE
from extract.store.output_file import precious

if TYPE_CHECKING:
    from data_lists.truths.truth_videos import TruthVideos

RULE_NAMES = ("majority", "union", "intersection", "each")


@click.command("make-list")
@click.argument("truths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="TRUTH...")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The list to write; with --annotators each, a folder.  [default: only show]",
)
@click.option(
    "--list",
    "lists",
    multiple=True,
    metavar="LIST",
    help="List with the ids, classes and numbers of frames of the videos; may be repeated.",
)
@click.option(
    "--store",
    "stores",
    multiple=True,
    type=STORE,
    metavar="DIR",
    help="Feature store with the numbers of frames and the rates of the videos.",
)
@click.option(
    "--videos",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Folder whose videos the list should have; those without truth are Normal. They are not decoded, so "
    "numbers of frames still come from --store, --list or arrays.",
)
@click.option(
    "--order",
    metavar="FILE",
    help="Order of the videos in one long array: a name per line, perhaps with its frames, or a list.",
)
@click.option(
    "--fps", type=click.FloatRange(0, min_open=True), help="Frames per second, for times in seconds."
)
@click.option(
    "--unit",
    type=click.Choice(["frames", "seconds"]),
    help="Unit of starts and ends whose column names state none.  [default: frames where all are whole]",
)
@click.option(
    "--end",
    type=click.Choice(["exclusive", "inclusive"]),
    help="Whether the end frame of an event is part of it.  [default: exclusive; UCF-Crime's: inclusive]",
)
@click.option(
    "--first-frame",
    type=click.IntRange(0, 1),
    help="Number of the first frame of a video.  [default: 0; UCF-Crime's: 1]",
)
@click.option("--clip", is_flag=True, help="Cut events that end after their video, instead of refusing them.")
@click.option(
    "--class",
    "event_class",
    metavar="NAME",
    help="Class of all anomalous videos.  [default: of --list, else the truth's label, else Anomaly]",
)
@click.option(
    "--anomalous", multiple=True, metavar="LABEL", help="Count only events of this label; repeatable."
)
@click.option(
    "--normal",
    multiple=True,
    metavar="LABEL",
    help="A label that means normal, beside normal, background, none, 0 and the like; repeatable.",
)
@click.option(
    "--annotators",
    default="majority",
    show_default=True,
    type=click.Choice(RULE_NAMES),
    help="How several TRUTHs, one per annotator, become one list, or a list each.",
)
def make_list(truths, out, lists, stores, folder, order, annotators, unit, **numbers):
    """Make a list from TRUTH: a file or folder of labels or intervals, or several, one per annotator.

    Prints what it understood before it writes; contradictions are refused.

    \b
    Forms of TRUTH
      DIR          a file per video: 0/1 per frame (.npy, .npz, .mat, .csv, .txt), ELAN (.eaf), ...
      FILE.npy     (.npz, .mat, .txt) 0/1 of all videos one after another, in the order of --order or --list
      FILE.csv     intervals: video, start_frame, end_frame, or start_time, end_time, and label; or
                   video, frame, label
      FILE.json    {"VIDEO": [[start, end], ...]}, ActivityNet, THUMOS, COCO with videos, VIA 3
      FILE.txt     lines as of XD-Violence and UCF-Crime
    """
    from data_lists.truths.truth_files import read_truths
    from score.bags.store_access import open_stores
    from score.commands.truth_lines import understood
    from score.commands.truth_sources import known_videos

    found = [each for path in truths for each in read_truths(path, unit=unit)]
    inputs = [*truths, *(Path(name) for name in (*lists, *([order] if order else [])))]
    if out is not None:
        _check_output(out, inputs, folder=annotators == "each" and len(found) > 1)
    known = known_videos(found, lists=lists, order=order, folder=folder, stores=open_stores(stores))
    for name, own, made in _lists(found, known, annotators, _rule(**numbers)):
        for line in understood(own, made):
            say(line)
        _refuse_silent(made)
        if out is not None:
            _write(out / name if name else out, made.videos)


def _rule(*, end: str | None, first_frame: int | None, event_class: str | None, **others):
    from data_lists.truths.truth_videos import TruthRule

    return TruthRule(
        first=first_frame,
        inclusive=None if end is None else end == "inclusive",
        event_class=event_class or "",
        **others,
    )


def _lists(found: Sequence, known, annotators: str, rule) -> list[tuple[str, Sequence, TruthVideos]]:
    """File name ("" for the only list), its truths and its videos."""
    from data_lists.truths.annotators import together
    from data_lists.truths.truth_videos import truth_videos

    made = [truth_videos(each, known.videos, rule, known_by=known.by) for each in found]
    if len(found) == 1:
        return [("", found, made[0])]
    if annotators == "each":
        return [(name, [each], one) for name, each, one in zip(_names(found), found, made, strict=True)]
    return [("", found, together(made, annotators))]


def _names(found: Sequence) -> list[str]:
    """A file name for the list of each annotator, all different."""
    names = [re.sub(r"[^\w.-]+", "_", each.annotator) or each.path.stem for each in found]
    if len(set(names)) < len(names):
        names = [f"{each.path.resolve().parent.name}_{name}" for each, name in zip(found, names, strict=True)]
    if len(set(names)) < len(names):
        names = [f"{number}_{name}" for number, name in enumerate(names, 1)]
    return [f"{name}.tsv" for name in names]


def _refuse_silent(made: TruthVideos) -> None:
    if made.silent:
        from data_lists import ListError

        raise ListError(
            f"{name}: anomalous in the list, but without an anomalous frame in the truth, which no list can "
            "say; correct its class, or evaluate with --truth"
            for name in sorted(made.silent)
        )


def _check_output(out: Path, inputs: Sequence[Path], *, folder: bool) -> None:
    from data_lists import ListError, read_list

    place = out.resolve()
    for path in inputs:
        own = path.resolve()
        if place == own or (own.is_dir() and own in place.parents and not folder):
            raise click.UsageError(f"--out {out} would be written over the input {path}; name another file")
    if folder != out.is_dir() and out.exists():
        raise click.UsageError(f"--out {out} is {'a file, expected ' if folder else ''}a folder")
    if not out.is_dir() and (what := precious(place, "list")):
        raise click.UsageError(f"--out {out} is {what}, which this would replace; name another file")
    if out.is_file():
        try:
            read_list(out)
        except ListError:
            raise click.UsageError(
                f"--out {out} exists and is no list, which this would replace; name another file"
            ) from None


def _write(path: Path, videos: Sequence) -> None:
    from data_lists import write_list

    path.parent.mkdir(parents=True, exist_ok=True)
    write_list(path, [replace(video, split=None) for video in videos])
    say(f"written: {path}")
