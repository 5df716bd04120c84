"""vad-score predict: finds anomalies in videos and writes scores, intervals and annotated videos."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from extract.runtime.say import say
from extract.store.option import STORE
from extract.store.output_file import OutputFile, WritingCommand
from score.commands.common_options import (
    check_run_weights,
    decode_workers_option,
    device_option,
    join_option,
    run_weights_option,
    weights_option,
)
from score.commands.scoring_options import checkpoint_option, ensemble_option, threshold_option


@click.command(cls=WritingCommand)
@click.argument("videos", nargs=-1, required=True, type=click.Path(path_type=Path))
@checkpoint_option("--run", "checkpoints", more="repeat it to average runs of different heads")
@run_weights_option
@ensemble_option
@threshold_option
@click.option(
    "--merge-gap",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="Merge intervals that are at most this far apart.",
)
@click.option(
    "--min-length",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="Leave out shorter intervals, after merging.",
)
@click.option(
    "--json",
    "json_file",
    type=OutputFile("prediction JSON"),
    metavar="FILE",
    help="Write all results as JSON.",
)
@click.option(
    "--csv",
    "csv_file",
    type=OutputFile("prediction CSV"),
    metavar="FILE",
    help="Write one row per interval as CSV.",
)
@click.option(
    "--scores-csv",
    type=OutputFile("scores CSV"),
    metavar="FILE",
    help="Write the score of every frame as CSV, one row per segment, as evaluate --scores reads it.",
)
@click.option(
    "--vtt",
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="Write the intervals as WebVTT subtitles; name a folder for several videos.",
)
@click.option(
    "--annotate",
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="Write a silent copy of the video with its scores below; name a folder for several videos.",
)
@click.option(
    "--viewer", type=OutputFile("page"), metavar="FILE", help="Write one HTML page with videos and timelines."
)
@click.option(
    "--embed/--no-embed",
    default=None,
    help="Embed videos in the page, or link to files next to it.  [default: embed up to 50 MB]",
)
@click.option(
    "--store",
    "stores",
    multiple=True,
    type=STORE,
    metavar="DIR",
    help="Store to keep features in; videos that are already stored are not decoded again. Repeat it for a "
    "checkpoint with several presets.",
)
@click.option(
    "--every",
    metavar="FRAMES|SECONDS",
    help="Score a segment every N frames (8) or N seconds (0.5s); frames of several take their mean.  "
    "[default: as in training]",
)
@click.option(
    "--text",
    "texts",
    multiple=True,
    metavar="TEXT",
    help="Also show how near the features of CLIP are to this text along the video, untrained; repeat it for "
    "more. In the page and in --json.",
)
@join_option("as in training")
@weights_option
@click.option(
    "--on-damage",
    type=click.Choice(["accept", "salvage", "fail"]),
    default="accept",
    show_default=True,
    help="Videos with decoder messages: accept those that decode to the end, salvage what decodes, or fail.",
)
@click.option(
    "--piece-minutes",
    default=10.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Score longer videos in chunks of this length; 0 never splits.",
)
@device_option
@decode_workers_option
def predict(
    videos,
    checkpoints,
    run_weights,
    ensemble,
    threshold,
    merge_gap,
    min_length,
    stores,
    every,
    texts,
    join,
    weights,
    on_damage,
    piece_minutes,
    device,
    workers,
    **outputs,
):
    """Find anomalies in VIDEOS: files, folders of frames, or folders that contain either.

    Features are extracted with the checkpoint's own preset. Exit code: 0 success, 1 some videos failed,
    2 wrong usage, checkpoint or weights.
    """
    from extract.runtime.device import choose_device, import_torch
    from score.predict.extraction import ExtractionSettings, early_worker, weights_by_preset
    from score.predict.inputs import find_inputs

    check_run_weights(run_weights, len(checkpoints))
    inputs = find_inputs(videos)
    with early_worker():  # its imports take as long as half of torch's
        import_torch()  # first of all, since others import it
        from score.predict.intervals import IntervalRule
        from score.predict.output.output_files import Outputs
        from score.predict.predictor import Predictor, load_models

        # Everything that can be wrong with the call is checked before a checkpoint is loaded.
        written = Outputs(**outputs)
        written.check(inputs)
        # Raises for a missing GPU now, not after the checkpoint was loaded.
        choose_device(device)
        model = load_models(checkpoints, weights=run_weights or "auto", ensemble=ensemble, join=join)
        threshold, source = (threshold, "--threshold") if threshold is not None else model.threshold()
        settings = ExtractionSettings(
            device=device,
            workers=workers,
            on_damage=on_damage,
            weights=weights_by_preset(weights, model.specs_every(None)),
        )
        with Predictor(
            model, settings=settings, stores=stores, chunk_minutes=piece_minutes, every=every, texts=texts
        ) as predictor:
            rule = IntervalRule(threshold, merge_gap_seconds=merge_gap, min_seconds=min_length)
            prediction = predictor.predict(inputs, rule=rule, threshold_from=source)
            _print(prediction)
            failures = written.write(prediction, predictor, say=say)
    for path, reason in {**prediction.failures, **failures}.items():
        say(f"failed: {path}: {reason}", err=True)
    if prediction.failures or failures:
        sys.exit(1)


def _print(prediction) -> None:
    from score.predict.output.text_formats import to_text

    rule = prediction.rule
    say(f"{prediction.model.title}; threshold {rule.threshold:.3f} ({prediction.threshold_from})")
    for result in prediction.results:
        for line in to_text(result, prediction):
            say(line)
