"""vad-extract presets: the protocols, and every number of one with its source."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from extract.runtime.options.lazy_choice import LazyChoice
from extract.runtime.say import say


@click.command()
@click.argument("name", required=False, metavar="[NAME]", type=LazyChoice("extract.presets:PRESETS"))
def presets(name):
    """List the protocols, or print every setting of NAME with its source."""
    from extract.presets import PRESETS

    if name is None:
        width = max(map(len, PRESETS))
        for preset in PRESETS.values():
            say(f"{preset.name:{width}}  {preset.summary}" if sys.stdout.isatty() else preset.name)
        return
    preset = PRESETS[name]
    say(f"{preset.name}: {preset.summary}")
    for field, value in _rows(asdict(preset)):
        source = preset.sources.get(field) or preset.sources.get(field.partition(".")[0], "")
        say(f"  {field:20} {_shown(value):40} {source}".rstrip())


def _rows(values: dict, prefix: str = "") -> list[tuple[str, object]]:
    rows = []
    for name, value in values.items():
        if prefix == "" and name in ("name", "summary", "sources"):
            continue
        rows += _rows(value, f"{prefix}{name}.") if isinstance(value, dict) else [(prefix + name, value)]
    return [(name, value) for name, value in rows if value not in (None, ())]


def _shown(value) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)
