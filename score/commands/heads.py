"""vad-score heads: which heads there are."""
from __future__ import annotations

import sys

import click


@click.command()
def heads():
    """List the heads with their presets; one name a line when piped."""
    from score.heads import HEADS

    if not sys.stdout.isatty():
        click.echo("\n".join(HEADS))
        return
    from rich.console import Console
    from rich.table import Table

    from score.presets import PRESETS

    table = Table("head", "presets", "what it is")
    for name, head in HEADS.items():
        presets = ", ".join(preset for preset, config in PRESETS.items() if config.name == name)
        paper = sys.modules[head.__module__].__doc__.splitlines()[0]
        table.add_row(name, presets, f"{head.__doc__.splitlines()[0]}\n{paper}")
    Console().print(table)
