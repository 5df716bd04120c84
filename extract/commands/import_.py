"""vad-extract import: a store of features that were computed elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from extract.store.option import STORE

LINES = 20


@click.command("import")
@click.option(
    "--layout",
    # Written out, because the table of layouts imports numpy and h5py.
    type=click.Choice(["rtfm", "npy", "npz", "sultani", "hdf5", "pt", "mat", "vggish"]),
    required=True,
    help="Layout of the features.",
)
@click.option(
    "--features",
    type=click.Path(exists=True, path_type=Path),
    required=True,
    help="Folder with a file per video or crop, or one file with all videos. Links in it are not followed.",
)
@click.option(
    "--list",
    "lists",
    multiple=True,
    required=True,
    help="A TSV or a data set's split (ucf_crime/test). Repeatable.",
)
@click.option("--store", type=STORE, required=True, help="Created, or continued.")
@click.option("--clip-length", type=click.IntRange(1), default=16, show_default=True, help="Frames per row.")
@click.option(
    "--stride",
    type=click.IntRange(1),
    help="Frames from one row's start to the next one's, for clips that overlap. [default: --clip-length]",
)
@click.option(
    "--convention",
    type=click.Choice(["clips", "even", "sultani", "sound"]),
    help="Which frames a row covers. [default: the layout's]",
)
@click.option(
    "--pattern",
    help="Where the id stands below --features, such as {id}_i3d.npy, {id}/feat.npy or {id}_crop{crop}.npy.",
)
@click.option(
    "--axes",
    type=click.Choice(["NCD", "CND", "NDC", "CDN", "DNC", "DCN"]),
    help="Order of the axes: N rows, C crops, D numbers. [default: NCD, refused where it looks like another]",
)
@click.option(
    "--dataset",
    help="npz, pt, mat: name of the array. hdf5: path of a video's rows, such as {id}/features.",
)
@click.option(
    "--backbone",
    help="Network behind the features; recorded in the spec. [default: the layout's, else unknown]",
)
@click.option(
    "--modality",
    type=click.Choice(["rgb", "flow", "audio"]),
    help="Modality of the features; of X_rgb, X_flow and X__vggish only one is taken. "
    "[default: rgb, audio for the layout vggish]",
)
@click.option(
    "--fps",
    type=click.FloatRange(min=0, min_open=True),
    help="Frames per second of the videos, for times. [default: 25]",
)
def import_(features, lists, store, **options):
    """Convert features in a published layout to a STORE, matched to a list.

    Exit code: 0 all listed videos are imported, 1 some are missing or do not fit, 2 wrong usage.
    """
    from data_lists import resolve_lists
    from extract.importing.importer import ImportSettings, import_features
    from extract.runtime.say import say
    from extract.runtime.text import listed

    report = import_features(features, resolve_lists(lists), store, ImportSettings(**options))
    for note in report.notes:
        say(note, err=True)
    for failure in report.failed:
        say(f"failed: {failure.video_id}: {failure.reason}", err=True)
    for video_id, reason in report.near_misses.items():
        say(f"missing: {video_id}: {reason}", err=True)
    for names, meaning in (
        (report.missing, "listed videos have no features"),
        (report.extra, "features belong to no listed video"),
    ):
        if names:
            say(f"{len(names)} {meaning}: {listed(names, shown=LINES)}", err=True)
    for line in report.assumed:
        say(line)
    say(
        f"{report.done} imported, {report.skipped} already there, {len(report.failed)} failed, "
        f"{len(report.missing)} missing: {store}"
    )
    # Features of unlisted videos are normal: lists are often subsets.
    if report.failed or report.missing:
        sys.exit(1)
