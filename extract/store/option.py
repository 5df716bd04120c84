"""The type of --store: a folder, a packed file, or an address such as s3://bucket/features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


class StorePlace(click.ParamType):
    """See extract.store.place_of."""

    name = "store"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path | str:  # noqa: ARG002 - of click
        from extract.store import place_of

        return place_of(value)


STORE = StorePlace()
