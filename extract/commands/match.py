"""vad-extract match: how features of somebody else were made."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from extract.runtime.machine.limits import cores
from extract.store.output_file import OutputFile, WritingCommand


@click.command(cls=WritingCommand)
@click.argument("features", type=click.Path(exists=True, path_type=Path))
@click.argument("videos", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--weights",
    "weights",
    multiple=True,
    metavar="[PRESET=]FILE",
    help="Weights of a preset or backbone, or of every one that has features of this width: a file, a known "
    "name, or none. Repeatable. [default: known weights that are on this machine]",
)
@click.option("--preset", "names", multiple=True, help="Compare only this preset. Repeatable. [default: all]")
@click.option(
    "--count", default=12, show_default=True, type=click.IntRange(1), help="Videos whose length is found."
)
@click.option(
    "--compare",
    default=3,
    show_default=True,
    type=click.IntRange(1),
    help="Videos whose rows are computed again, the smallest files.",
)
@click.option(
    "--arrays", default=400, show_default=True, type=click.IntRange(1), help="Arrays that are read at most."
)
@click.option(
    "--effort",
    default=10_000,
    show_default=True,
    type=click.IntRange(1),
    help="Billions of multiplications for each network at most, 17.6 for a frame of CLIP ViT-B/16; the best "
    "that was found by then counts.",
)
@click.option(
    "--layout",
    type=click.Choice(["rtfm", "npy", "npz", "sultani", "hdf5", "pt", "mat"]),
    help="Layout of the features. [default: by what the files hold]",
)
@click.option("--pattern", help="Where the id stands below FEATURES, as for import.")
@click.option(
    "--axes",
    type=click.Choice(["NCD", "CND", "NDC", "CDN", "DNC", "DCN"]),
    help="Order of the axes. [default: by the shapes]",
)
@click.option("--dataset", help="Name of the array, or place of a video's rows in HDF5, as for import.")
@click.option(
    "--modality",
    type=click.Choice(["rgb", "flow"]),
    default="rgb",
    show_default=True,
    help="Of X_rgb and X_flow only one is taken.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--workers", type=click.IntRange(1), default=cores(), show_default="cores", help="Decode processes."
)
@click.option("--seed", default=0, show_default=True, help="Seed of --weights none.")
@click.option("--json", "json_file", type=OutputFile("match JSON"), help="Write the whole report as JSON.")
def match(features, videos, json_file, **options):
    """Find out how FEATURES were made from VIDEOS: network, frames, crops, pixels, normalisation.

    FEATURES and VIDEOS are a file or a folder each. Rows are computed again where weights are available;
    without weights, what the numbers of rows and the numbers themselves say is all there is.

    Exit code: 0 a protocol fits, 1 none does, 2 wrong usage.
    """
    from extract.matching.match_json import report_json
    from extract.matching.match_report import report_lines
    from extract.matching.matching_run import MatchSettings, run_match
    from extract.runtime import atomic
    from extract.runtime.say import say

    found = run_match(features, videos, MatchSettings(weights=_weights(options.pop("weights")), **options))
    if json_file is not None:
        atomic.write_text(json_file, json.dumps(report_json(found), indent=1) + "\n")
    for line in report_lines(found):
        say(line)
    if not found.fitting:
        sys.exit(1)


def _weights(given: tuple[str, ...]) -> dict[str, str]:
    """PRESET=FILE, or FILE for every preset, whose key is ""; a path may hold an equals sign."""
    from extract.backbones import BACKBONES
    from extract.presets import PRESETS

    found = {}
    for text in given:
        name, equals, choice = text.partition("=")
        known = bool(equals) and (name in PRESETS or name in BACKBONES)
        found[name if known else ""] = choice if known else text
    return found
