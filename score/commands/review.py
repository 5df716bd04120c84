"""vad-score review: shows the moments whose label would teach a head most, and writes the labels."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from extract.runtime.say import say
from extract.runtime.text import counted
from extract.store.option import STORE
from extract.store.output_file import OutputFile, WritingCommand
from score.commands.common_options import device_option
from score.commands.review_keys import ask


@click.command(cls=WritingCommand)
@click.argument("stores", nargs=-1, required=True, type=STORE, metavar="STORE...")
@click.option(
    "--checkpoint",
    "run",
    required=True,
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Trained head: a run with all its seeds, which should be several, or one checkpoint.",
)
@click.option(
    "--feedback",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder of the labels: feedback.tsv, and the features of the labelled clips for training. Moments "
    "with a label there are not asked about again.",
)
@click.option(
    "--list",
    "lists",
    multiple=True,
    metavar="LIST",
    help="Take these videos, whose groups name their cameras.  [default: all of the store; the first folder "
    "of an id is the camera]",
)
@click.option(
    "--top", default=20, show_default=True, type=click.IntRange(1), help="Number of moments to show."
)
@click.option(
    "--seconds",
    default=10.0,
    show_default=True,
    type=click.FloatRange(0.1, 3600),
    help="Length of a moment, about.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="Score that raises an alert.  [default: as training recorded it, else 0.5]",
)
@click.option(
    "--event-class", help="Event class of anomalies.  [default: that of the run if it is one, else Anomaly]"
)
@click.option("--json", "as_json", is_flag=True, help="Print the moments as JSON and ask nothing.")
@click.option(
    "--videos",
    "root",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="ROOT",
    help="Folder of the video files, for --sheet.",
)
@click.option(
    "--sheet",
    type=OutputFile("PNG figure"),
    metavar="FILE",
    help="Write a picture with the middle frame of each moment (.png).",
)
@device_option
def review(stores, run, folder, lists, top, seconds, threshold, event_class, as_json, root, sheet, device):
    """Show the moments of STORE whose label would teach RUN most, and ask for one key each.

    Near the threshold, seeds that disagree, unlike what has a label, spread over cameras. Keys: f false
    alarm, m missed anomaly, c confirmed alarm, s skip, u undo, q quit. Train with the labels:

    \b
      vad-score train --from RUN --store STORE --list LIST --store DIR/features/PRESET --list DIR/feedback.tsv
    """
    if (sheet is None) != (root is None):
        raise click.UsageError("--sheet and --videos go together: the sheet shows frames of the videos")
    if not as_json and folder is None:
        raise click.UsageError("give --feedback DIR for the labels, or --json to print the moments only")
    from score.feedback.choosing import choose_moments

    scorers, opened = _scorers(run, stores, device)
    moments = _moments(scorers, opened, lists, seconds)
    threshold = _threshold(scorers) if threshold is None else threshold
    known = _labelled(folder)
    chosen = choose_moments(moments, threshold, top, labelled=known)
    if sheet is not None:
        _write_sheet(sheet, chosen, root)
    if as_json:
        values = _values(chosen, threshold, moments, known)
        for line in json.dumps(values, indent=1, allow_nan=False).split("\n"):
            say(line)
        return
    if not is_terminal():
        raise click.UsageError("one key per label needs a terminal; --json prints the moments for programs")
    count = _ask(chosen, threshold, folder, opened, event_class or _event_class(scorers))
    say(f"{counted(count, 'label')} written: {folder}/feedback.tsv")


def is_terminal() -> bool:
    """Whether somebody can press keys."""
    return sys.stdin.isatty()


def _scorers(run: Path, stores, device):
    from extract.runtime.device import choose_device
    from score.bags.store_access import open_stores
    from score.runs.checkpoint import load_run
    from score.scoring.scorer import Scorer

    checkpoints = load_run(run)
    opened = checkpoints[0].match_stores(open_stores(stores))
    return [Scorer(each, device=str(choose_device(device))) for each in checkpoints], opened


def _moments(scorers, stores, lists, seconds: float) -> list:
    from data_lists import resolve_lists
    from score.bags.store_access import check_present
    from score.feedback.review_moments import find_moments

    videos = resolve_lists(lists) if lists else []
    check_present(stores, videos)
    groups = {video.video_id: video.group for video in videos}
    return find_moments(scorers, stores, list(groups) or stores[0].ids(), groups=groups, seconds=seconds)


def _threshold(scorers) -> float:
    from score.feedback.review_threshold import review_threshold

    threshold, source = review_threshold(scorers)
    say(f"threshold {threshold:.4g} ({source})", err=True)
    return threshold


def _labelled(folder: Path | None) -> set[str]:
    from score.feedback.feedback_list import FeedbackList

    return set() if folder is None else {each.video_id for each in FeedbackList(folder).rows()}


def _event_class(scorers) -> str:
    from score.feedback.feedback_list import ANOMALY

    known = [name for name in scorers[0].checkpoint.bag_spec.event_classes if name != "Normal"]
    return known[0] if len(known) == 1 else ANOMALY


def _ask(chosen, threshold: float, folder: Path, stores, event_class: str) -> int:
    from score.feedback.feedback_list import Feedback, FeedbackList
    from score.feedback.review_moments import keep_moment

    found = FeedbackList(folder)

    def label(each, name) -> None:
        moment = each.moment
        # The features first: a row whose clip is in no store would end every training.
        keep_moment(folder, stores, moment)
        chosen_class = "" if name == "false alarm" else event_class
        found.add(Feedback(moment.clip_id, name, chosen_class, camera=moment.camera))

    return ask(chosen, threshold, label=label, unlabel=lambda each: found.remove(each.moment.clip_id))


def _write_sheet(path: Path, chosen, root: Path) -> None:
    from score.feedback.moment_sheet import write_sheet

    if not chosen:
        return
    for problem in write_sheet(path, chosen, root):
        say(f"not shown: {problem}", err=True)
    say(f"written: {path}", err=True)


def _values(chosen, threshold: float, moments, known) -> dict:
    return {
        "threshold": threshold,
        "moments": len(moments),
        "labelled": len(known),
        "chosen": [
            {
                "id": each.moment.clip_id,
                "video_id": each.moment.video_id,
                "camera": each.moment.camera,
                "frames": list(each.moment.frames),
                "seconds": [round(value, 3) for value in each.moment.seconds],
                "score": each.moment.score,
                "disagreement": each.moment.disagreement,
                "uncertainty": each.uncertainty,
                "novelty": each.novelty,
            }
            for each in chosen
        ],
    }
