"""The type of --store: a folder, a packed file, or an address such as s3://bucket/features."""
from __future__ import annotations

from pathlib import Path

import click

from extract.remote_files import is_address


class StorePlace(click.ParamType):
    """An address stays text, because a Path would lose one of its slashes."""

    name = "store"

    def convert(self, value, param, ctx) -> Path | str:
        return str(value) if is_address(value) else Path(value)


STORE = StorePlace()
