"""vad-score evaluate: evaluates a run on stored features, or the scores of any program, on a test list."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path

import click

from extract.runtime.options.lazy_choice import LazyChoice
from extract.runtime.say import say
from extract.store.option import STORE
from extract.store.output_file import OutputFile, WritingCommand, check_output
from score.commands.common_options import (
    check_run_weights,
    device_option,
    join_option,
    more_runs_option,
    run_weights_option,
)
from score.commands.evaluation_lines import print_evaluation


@click.command(cls=WritingCommand)
@click.argument("run", required=False, type=click.Path(path_type=Path))
@more_runs_option
@run_weights_option
@click.option(
    "--store",
    "stores",
    multiple=True,
    type=STORE,
    metavar="DIR",
    help="Feature store with the test videos; repeat it if the head was trained on several.",
)
@join_option("as in training")
@click.option(
    "--scores",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="Instead of RUN: scores of any program, see below; repeat it for more seeds.",
)
@click.option(
    "--segment-length",
    type=click.IntRange(1),
    metavar="N",
    help="Frames per score of --scores; the last score also stands for all remaining frames.  [default: 1]",
)
@click.option(
    "--segments",
    type=LazyChoice("score.evaluation.foreign_scores.segment_rules:SEGMENT_RULES"),
    help="Instead of --segment-length: the scores of a video divide it evenly (even), in steps of whole "
    "frames (floor), as Sultani's 32 on clips of 16 frames (sultani), or there is one a second (second, with "
    "--fps).",
)
@click.option(
    "--fps",
    type=click.FloatRange(0, 10_000, min_open=True),
    metavar="NUMBER",
    help="Frames per second, for --scores and --truth that count seconds.  [default: as in --store]",
)
@click.option(
    "--first-frame",
    type=click.Choice(["0", "1"]),
    help="What columns of --scores call the first frame.  [default: 1 if every video begins at 1, else 0]",
)
@click.option(
    "--invert",
    is_flag=True,
    help="Higher --scores mean normal: evaluate 1 - score, or -score outside [0, 1].",
)
@click.option(
    "--order",
    metavar="LIST",
    help="Order of the videos in one long array: a published list with one name per line, or a TSV "
    "file.  [default: as in the convention; without one as in your own --list]",
)
@click.option(
    "--truth",
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="Frame truth in place of the spans in --list: a 0/1 array per video in a folder, one long array, "
    "intervals or annotations, as make-list reads them.",
)
@click.option(
    "--ground-truth",
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="Published frame labels, 0 and 1: print where they differ from ours; the exit code stays 0.",
)
@click.option(
    "--list",
    "lists",
    multiple=True,
    required=True,
    metavar="LIST",
    help="Test videos: a TSV file, DATASET/test or a folder; may be repeated.",
)
@click.option(
    "--convention",
    default="native",
    show_default=True,
    type=LazyChoice("score.evaluation.frame_truth:CONVENTION_NAMES"),
    help="How annotations become frame labels; all but native follow published code.",
)
@click.option(
    "--missing",
    default="error",
    show_default=True,
    type=click.Choice(["error", "zero"]),
    help="Test videos without features or scores: end with an error, or score them 0.",
)
@click.option(
    "--allow-leak",
    is_flag=True,
    help="Evaluate although test videos were used in training; the results are marked.",
)
@click.option(
    "--threshold",
    metavar="RULE",
    help="Alarm threshold: fixed:0.5, percentile:99, gmm or best-f1; all but fixed need validation videos.  "
    "[default: best-f1 on validation videos; without anomalous ones the 99th percentile of normal videos "
    "(one-class heads) or fixed:0.5 (other heads)]",
)
@click.option(
    "--smooth",
    default="none",
    show_default=True,
    metavar="RULE",
    help="Smoothing of segment scores over time: none, ema:0.9 (causal), gaussian:2, median:5 (in segments), "
    "or auto, which selects one on validation videos.",
)
@click.option(
    "--val",
    "validation_lists",
    multiple=True,
    metavar="LIST",
    help="Validation videos for --threshold and --smooth; their annotations are used.  [default: the "
    "held-out videos of the run]",
)
@click.option(
    "--online",
    is_flag=True,
    help="Also measure RUN as if the videos were live: causal frame AUC, seconds until the alert, missed "
    "events and false alarms per camera-hour, at thresholds chosen on validation videos.",
)
@click.option(
    "--masks",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Pixel annotations, a mask per frame: VIDEO_ID.npy, .npz, .mat or a folder of images. Adds pixel "
    "AUC, RBDC and TBDC for heads that look at pixels.",
)
@click.option(
    "--boxes",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Regions and tracks for RBDC and TBDC: VIDEO_ID.csv (frame,track_id,x1,y1,x2,y2) or .txt as "
    "published for ShanghaiTech.  [default: connected pixels of --masks]",
)
@click.option(
    "--json",
    "json_file",
    type=OutputFile("evaluation JSON"),
    metavar="FILE",
    help="Write all numbers as JSON.",
)
@click.option(
    "--report",
    type=OutputFile("page"),
    metavar="FILE",
    help="Write a report as one HTML page.",
)
@click.option(
    "--figures",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write the figures as PNG and SVG files: ROC, PR, timelines, training curves and others.",
)
@click.option(
    "--protocol",
    "protocol_names",
    multiple=True,
    type=LazyChoice("score.evaluation.protocols:PROTOCOLS"),
    help="Also print the frame AUC by a protocol of published code, beside the plain numbers: min-max (of "
    "each video), ano-pred (the same without its first 4 frames), macro-aed or macro-ai-vad (mean over "
    "videos with two frames added), sultani (the end of each video scores 0); may be repeated.",
)
@click.option(
    "--resamples",
    default=1000,
    show_default=True,
    type=click.IntRange(0),
    help="Bootstrap draws for the 95 % intervals; 0 prints no intervals.",
)
@click.option("--verbose", is_flag=True, help="Print every measure, not just the headline.")
@device_option
def evaluate(
    run,
    more_runs,
    run_weights,
    stores,
    join,
    scores,
    segment_length,
    segments,
    fps,
    first_frame,
    invert,
    order,
    truth,
    ground_truth,
    lists,
    convention,
    missing,
    allow_leak,
    threshold,
    smooth,
    validation_lists,
    online,
    masks,
    boxes,
    protocol_names,
    resamples,
    verbose,
    device,
    **outputs,
):
    """Evaluate RUN (all its seeds) on test videos: frame and video AUC and AP next to their baselines.

    With RUN and --run OTHER, or with several --run, the mean of their scores is evaluated, seed by seed; give
    the stores of all of them.

    Standard deviations are over seeds, intervals over videos. Exit code: 0 success, also without frame
    annotations, when there are only video measures; 2 wrong usage, lists, stores or scores.

    \b
    Formats of --scores
      DIR        a file for each video, named after it: any of the forms below
      FILE.csv   columns video_id,score in the order of frames or segments (also .tsv, .txt; commas,
                 semicolons, tabs or spaces); a column frame, start,stop, time or segment says where rows lie
      FILE.json  {"VIDEO_ID": [0.1, ...], ...}, or per video {"score": [], "span": [[start, stop], ...]}, or
                 what vad-score predict writes
      FILE.h5    per video a dataset at the path VIDEO_ID, or a group with score and span
      FILE.npz, .mat, .pt   an array for each VIDEO_ID
      FILE.npy   all videos one after another (also .npz, .mat, .pt, .txt), in the order of --order
    """
    from data_lists import resolve_lists
    from score.bags.store_access import open_stores
    from score.evaluation.evaluation_settings import EvaluationSettings, RunOptions

    runs = tuple(each for each in (run, *more_runs) if each is not None)
    _check_usage(runs, stores, scores, run_weights)
    _check_score_options(
        scores,
        {
            "--segment-length": segment_length,
            "--segments": segments,
            "--first-frame": first_frame,
            "--invert": invert or None,
        },
    )
    _check_figures(outputs["figures"])
    _check_choices(scores, smooth, join, validation_lists, where=masks or boxes, online=online)
    videos = resolve_lists(lists)
    ordered = _order(order, videos)
    compared = _compared_truth(ground_truth, videos, convention=convention, order=ordered)
    opened = open_stores(stores, together=len(runs) < 2)
    given = _given_truth(truth, videos, convention=convention, order=ordered, fps=fps, stores=opened)
    videos = videos if given is None else given.videos
    general = EvaluationSettings(convention, missing, threshold, resamples, given)
    if scores:
        from score.evaluation.evaluate_files import evaluate_scores
        from score.evaluation.foreign_scores.score_form import ScoreForm
        from score.evaluation.foreign_scores.segment_rules import Segments

        form = ScoreForm(
            Segments(segment_length, segments),
            fps=fps,
            rates=_rates(opened, videos),
            first_frame=None if first_frame is None else int(first_frame),
            order=ordered,
            invert=invert,
        )
        evaluation = evaluate_scores(scores, videos, general, form=form)
        # Beside the notes, for those who redirect the numbers: a wrong guess here makes all of them wrong.
        for note in evaluation.provenance.details["read"]:
            say(f"read: {note}", err=True)
    else:
        from extract.runtime.device import choose_device, import_torch

        import_torch()  # first of all, since others import it
        from score.evaluation.evaluate_run import evaluate_run
        from score.evaluation.pixel_truth import PixelTruth

        settings = RunOptions(
            **vars(general),
            allow_leak=allow_leak,
            smooth=smooth,
            validation=resolve_lists(validation_lists) if validation_lists else (),
            pixel_truth=PixelTruth(masks, boxes) if masks or boxes else None,
            device=str(choose_device(device)),
            join=join,
            online=_raiser() if online else None,
            run_weights=run_weights or "auto",
        )
        evaluation = evaluate_run(runs, opened, videos, settings)
    from score.evaluation.protocols import protocol_results

    protocols = protocol_results(evaluation, protocol_names)
    print_evaluation(evaluation, verbose=verbose, protocols=protocols)
    for line in compared:
        say(f"truth: {line}")
    # Training curves are of one run.
    _write(evaluation, runs[0] if len(runs) == 1 else None, protocols, **outputs)


def _raiser():
    from score.alerts.recorded_alerts import alert_raiser

    return alert_raiser()


def _check_figures(folder: Path | None) -> None:
    if folder is not None:
        from score.report.figures import figure_files

        for path in figure_files(folder):
            check_output(path, f"{path.suffix[1:].upper()} figure", option="--figures")


def _compared_truth(file: Path | None, videos, *, convention: str, order: list) -> list[str]:
    """Where the published frame labels of --ground-truth differ from ours, one line each."""
    if file is None:
        return []
    from score.evaluation.truth_comparison import compare_truth

    return compare_truth(file, videos, convention=convention, order=order).lines()


def _given_truth(file: Path | None, videos, **known):
    if file is None:
        return None
    from score.evaluation.given_truth import read_given_truth

    return read_given_truth(file, videos, **known)


def _order(order: str | None, videos) -> list:
    if order is None:
        return []
    from score.evaluation.foreign_scores.video_order import read_order

    return read_order(order, videos)


def _rates(stores: list, videos) -> dict[str, float]:
    """Frames per second of the stored videos, for scores with positions in seconds."""
    found = {}
    for store in stores:
        found |= {
            video.video_id: store.header(video.video_id).fps for video in videos if video.video_id in store
        }
    return {name: fps for name, fps in found.items() if fps > 0}


def _check_usage(runs: tuple, stores: tuple, scores: tuple, run_weights: str | None) -> None:
    if (not runs) == (not scores):
        raise click.UsageError("give RUN with --store, or --scores FILE|DIR")
    if runs and not stores:
        raise click.UsageError("RUN needs --store, the features of the test videos")
    check_run_weights(run_weights, len(runs))


def _check_score_options(scores: tuple, given: dict[str, object]) -> None:
    """Options that say how score files are read."""
    for name, value in given.items():
        if value is not None and not scores:
            raise click.UsageError(f"{name} goes with --scores; a store knows its own segments")
    if given["--segment-length"] is not None and given["--segments"] is not None:
        raise click.UsageError("--segment-length and --segments exclude each other")


def _check_choices(
    scores: tuple, smooth: str, join: str | None, validation_lists: tuple, *, where: Path | None, online: bool
) -> None:
    if scores and smooth != "none":
        raise click.UsageError("--smooth is for RUN; score files are evaluated unchanged")
    if scores and online:
        raise click.UsageError("--online is for RUN: score files do not say how far their scores look ahead")
    if scores and join:
        raise click.UsageError("--join is for RUN: score files join no stores")
    if scores and validation_lists:
        raise click.UsageError("--val is for RUN: score files have no scores for validation videos")
    if scores and where:
        raise click.UsageError(
            "--masks and --boxes are for RUN: score files do not locate anomalies in the frame"
        )


def _write(
    evaluation,
    run: Path | None,
    protocols: tuple,
    *,
    json_file: Path | None,
    report: Path | None,
    figures: Path | None,
) -> None:
    from extract.runtime.atomic import write_text
    from score.report.evaluation_json import to_json
    from score.runs.training_log import read_training

    training = [] if run is None else read_training(run)
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        write_text(
            json_file, json.dumps(to_json(evaluation, protocols=protocols), indent=1, allow_nan=False) + "\n"
        )
    if report is not None:
        from score.report.html.report_page import write_report

        command = shlex.join([os.path.basename(sys.argv[0]), *sys.argv[1:]])
        write_report(evaluation, report, command=command, training=training, protocols=protocols)
    if figures is not None:
        from score.report.figures import write_figures

        write_figures(evaluation, figures, training=training)
    for path in (json_file, report, figures):
        if path is not None:
            say(f"written: {path}")
