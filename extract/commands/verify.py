"""vad-extract verify: every checksum of a store."""
from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.argument("store", type=click.Path(exists=True, path_type=Path))
def verify(store):
    """Read every byte of STORE against its checksums; exit 1 and name the files when one is damaged."""
    from extract.store import FeatureStore, StoreError

    opened = FeatureStore(store)
    ids, broken = opened.ids(), 0
    for video_id in ids:
        try:
            opened.verify(video_id)
        except StoreError as error:
            broken += 1
            click.echo(str(error), err=True)
    click.echo(f"{len(ids) - broken} videos sound, {broken} damaged")
    if broken:
        sys.exit(1)
