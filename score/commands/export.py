"""vad-score export: writes a trained head as an ONNX model, optionally also with 8-bit weights."""

from __future__ import annotations

from pathlib import Path

import click

from extract.runtime.say import say
from extract.store.option import STORE
from extract.store.output_file import OutputFile, WritingCommand
from score.commands.common_options import single_checkpoint


@click.command(cls=WritingCommand)
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--out",
    "out",
    required=True,
    type=OutputFile("ONNX model"),
    metavar="FILE.onnx",
    help="Model to write; written only if its scores agree with torch.",
)
@click.option(
    "--int8",
    "small",
    type=OutputFile("ONNX model"),
    metavar="FILE.onnx",
    help="Second model to write, with 8-bit weights.",
)
@click.option(
    "--store",
    "stores",
    multiple=True,
    type=STORE,
    metavar="DIR",
    help="Feature store with the videos of --list; repeat it if the head was trained on several.",
)
@click.option(
    "--list",
    "lists",
    multiple=True,
    metavar="LIST",
    help="Videos on which the models are compared: a TSV file, DATASET/test or a folder; may be repeated.",
)
def export(run, out, small, stores, lists):
    """Export RUN (a seed's folder, its checkpoint, or a run of one seed) to ONNX.

    The model takes pooled features of any number of videos and instances. Needs the extra [onnx]. Exit code:
    0 success; 2 wrong usage, or a model whose scores differ from torch's.
    """
    from data_lists import resolve_lists
    from extract.runtime.atomic import write_bytes
    from score.bags.store_access import check_present, open_stores
    from score.export.int8 import quantise
    from score.export.onnx_export import check_packages
    from score.export.onnx_export import export as export_model
    from score.runs.checkpoint import load_checkpoint

    if bool(stores) != bool(lists):
        raise click.UsageError("--store and --list go together: features, and the list of their videos")
    # Packages of the extra are imported late; say now which is missing.
    check_packages()
    checkpoint = load_checkpoint(single_checkpoint(run))
    videos = resolve_lists(lists) if lists else []
    opened = checkpoint.match_stores(open_stores(stores)) if stores else []
    check_present(opened, videos)
    done = export_model(checkpoint, out)
    shapes = ", ".join(f"{batch} x {time}" for batch, time in done.difference)
    say(
        f"{out}: {_size(done.num_bytes)}, scores within {max(done.difference.values()):.1g} of torch's "
        f"at {shapes} (bags x instances)"
    )
    models = {"float32": out.read_bytes()}
    if small is not None:
        models["int8"] = quantise(models["float32"])
        small.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(small, models["int8"])
        share = len(models["int8"]) / len(models["float32"])
        say(f"{small}: {_size(len(models['int8']))}, {share:.0%} of the first model")
    if videos:
        _compare(models, checkpoint, opened, videos)


def _compare(models: dict[str, bytes], checkpoint, stores: list, videos: list) -> None:
    from score.export.onnx_scorer import MEASURES, measure_models

    found, difference = measure_models(models, checkpoint, stores, videos)
    trained = sum(video.video_id in checkpoint.seen for video in videos)
    say(f"on {len(videos)} videos" + (f", {trained} of which it was trained on" if trained else ""))
    for name in MEASURES:
        title = name.replace("_auc", " AUC")
        values = [value for model in models if (value := found[model][name]) is not None]
        if not values:
            say(f"  {title}  none: the videos have only one class, or lack anomaly spans")
            continue
        text = ", ".join(f"{value:.4f} {model}" for model, value in zip(models, values, strict=True))
        change = f", change {values[1] - values[0]:+.4f}" if len(values) > 1 else ""
        say(f"  {title}  {text}{change}")
    if len(models) > 1:
        say(f"  segment scores differ by at most {difference:.4f}")


def _size(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:.2f} MB" if num_bytes >= 1e5 else f"{num_bytes / 1e3:.1f} kB"
