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
    type=click.Choice(["rtfm", "npy", "npz", "sultani", "hdf5"]),
    required=True,
    help="Layout of the features.",
)
@click.option(
    "--features",
    type=click.Path(exists=True, path_type=Path),
    required=True,
    help="Folder, or file for npz and hdf5.",
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
    "--convention",
    type=click.Choice(["clips", "even", "sultani"]),
    help="Which frames a row covers. [default: the layout's]",
)
@click.option(
    "--dataset", help="npz: name of the array. hdf5: path of a video's rows, such as {id}/features."
)
@click.option(
    "--backbone",
    default="unknown",
    show_default=True,
    help="Network behind the features; recorded in the spec.",
)
@click.option(
    "--modality",
    type=click.Choice(["rgb", "flow"]),
    default="rgb",
    show_default=True,
    help="Modality of the features.",
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
    from extract.runtime.text import listed

    report = import_features(features, resolve_lists(lists), store, ImportSettings(**options))
    for failure in report.failed:
        click.echo(f"failed: {failure.video_id}: {failure.reason}", err=True)
    for names, meaning in (
        (report.missing, "listed videos have no features"),
        (report.extra, "features belong to no listed video"),
    ):
        if names:
            click.echo(f"{len(names)} {meaning}: {listed(names, shown=LINES)}", err=True)
    click.echo(
        f"{report.done} imported, {report.skipped} already there, {len(report.failed)} failed, "
        f"{len(report.missing)} missing: {store}"
    )
    # Features of unlisted videos are normal: lists are often subsets.
    if report.failed or report.missing:
        sys.exit(1)
