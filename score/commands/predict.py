"""vad-score predict: videos in; scores, intervals, annotated videos and a page out."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import click

from extract.store.option import STORE

OUT_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("videos", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--checkpoint",
    required=True,
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="A run (its seeds score together), a seed's folder or a checkpoint file.",
)
@click.option(
    "--ensemble/--no-ensemble",
    default=True,
    show_default=True,
    help="All seeds of a run, or the one that was best in validation.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="Scores from which frames count as anomalous.  [default: the checkpoint's, else 0.5]",
)
@click.option(
    "--merge-gap",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="Intervals that are no further apart become one.",
)
@click.option(
    "--min-length",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="Shorter intervals are left out.",
)
@click.option("--json", "json_file", type=OUT_FILE, metavar="FILE", help="Write all that was found.")
@click.option("--csv", "csv_file", type=OUT_FILE, metavar="FILE", help="Write one row an interval.")
@click.option(
    "--vtt",
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="Write the intervals as WebVTT; a folder for several videos.",
)
@click.option(
    "--annotate",
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="Write the video with its scores below it, no sound; a folder for several videos.",
)
@click.option(
    "--viewer", type=OUT_FILE, metavar="FILE", help="Write one HTML page with videos and timelines."
)
@click.option(
    "--embed/--no-embed",
    default=None,
    help="Videos inside the page, or files beside it.  [default: inside while they are small]",
)
@click.option(
    "--store",
    "stores",
    multiple=True,
    type=STORE,
    metavar="DIR",
    help="Keep features, and take those that are there; once for each preset of the checkpoint.",
)
@click.option(
    "--weights",
    multiple=True,
    metavar="[PRESET=]PATH",
    help="Weights that the presets do not find by themselves.",
)
@click.option(
    "--on-damage",
    type=click.Choice(["accept", "salvage", "fail"]),
    default="accept",
    show_default=True,
    help="Videos with decoder messages: keep if they decode to the end, keep what decodes, fail.",
)
@click.option(
    "--piece-minutes",
    default=10.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Longer videos are scored in pieces; 0 for never.",
)
@click.option("--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda"]))
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=max(1, len(os.sched_getaffinity(0))),
    show_default="cores",
    help="Decode processes.",
)
def predict(
    videos,
    checkpoint,
    ensemble,
    threshold,
    merge_gap,
    min_length,
    stores,
    weights,
    on_damage,
    piece_minutes,
    device,
    workers,
    **outputs,
):
    """Find anomalies in VIDEOS: files, folders of frames, or folders with either below them.

    Features are extracted with the checkpoint's own preset. Exit code: 0 all done, 1 some videos failed,
    2 wrong usage, checkpoint or weights.
    """
    from extract.runtime.device import choose_device
    from score.predict.extraction import ExtractionSettings, weights_by_preset
    from score.predict.inputs import find_inputs
    from score.predict.intervals import IntervalRule
    from score.predict.output.output_files import Outputs
    from score.predict.predictor import Predictor, load_model

    inputs = find_inputs(videos)
    written = Outputs(**outputs)
    written.check(inputs)
    choose_device(device)
    model = load_model(checkpoint, ensemble=ensemble)
    threshold, source = (threshold, "--threshold") if threshold is not None else model.threshold()
    settings = ExtractionSettings(
        device=device,
        workers=workers,
        on_damage=on_damage,
        weights=weights_by_preset(weights, model.checkpoints[0].specs),
    )
    # so that temporary folders go
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    with Predictor(model, settings=settings, stores=stores, chunk_minutes=piece_minutes) as predictor:
        rule = IntervalRule(threshold, merge_gap_seconds=merge_gap, min_seconds=min_length)
        prediction = predictor.predict(inputs, rule=rule, threshold_from=source)
        _say(prediction)
        failures = written.write(prediction, predictor, say=click.echo)
    for path, reason in {**prediction.failures, **failures}.items():
        click.echo(f"failed: {path}: {reason}", err=True)
    if prediction.failures or failures:
        sys.exit(1)


def _say(prediction) -> None:
    from score.predict.output.text_formats import to_text

    rule = prediction.rule
    click.echo(f"{prediction.model.title}; threshold {rule.threshold:.3f} ({prediction.threshold_from})")
    for result in prediction.results:
        click.echo("\n".join(to_text(result, prediction)))
