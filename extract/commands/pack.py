"""vad-extract pack and unpack: a store as one file and back."""

from __future__ import annotations

from pathlib import Path

import click

from extract.runtime.say import say


@click.command()
@click.argument("store", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
def pack(store, target):
    """Pack STORE into one file TARGET (.h5), which every command reads like a store."""
    from extract.store.packing import pack as join

    say(f"{join(store, target)} videos packed: {target}")


@click.command()
@click.argument("packed", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("store", type=click.Path(path_type=Path))
def unpack(packed, store):
    """Unpack the file PACKED into the folder STORE."""
    from extract.store.packing import unpack as split

    say(f"{split(packed, store)} videos unpacked: {store}")
