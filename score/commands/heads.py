"""vad-score heads: which heads there are, and the settings of one."""

from __future__ import annotations

import sys

import click


@click.command()
@click.argument("name", required=False)
@click.option(
    "--preset", metavar="PRESET", help="Print these settings of the head NAME as YAML, good for --config."
)
def heads(name, preset):
    """List the heads, or the presets of the head NAME; one a line when piped."""
    from score.config.presets import preset_of, presets_of

    if preset is not None:
        if name is None:
            raise click.UsageError("--preset needs NAME, the head")
        click.echo(preset_of(name, preset).to_yaml(), nl=False)
    elif name is not None:
        preset_of(name)  # an unknown head is told in a line
        _show(list(presets_of(name)), lambda: _preset_table(name))
    else:
        from score.heads import HEADS

        _show(list(HEADS), _head_table)


def _show(names: list[str], make_table) -> None:
    if not sys.stdout.isatty():
        click.echo("\n".join(names))
        return
    from rich.console import Console

    Console().print(make_table())


def _head_table():
    from rich.table import Table

    from score.config.presets import presets_of
    from score.heads import HEADS

    table = Table("head", "presets", "what it is")
    for name, head in HEADS.items():
        paper = sys.modules[head.__module__].__doc__.splitlines()[0]
        table.add_row(name, ", ".join(presets_of(name)), f"{head.__doc__.splitlines()[0]}\n{paper}")
    return table


def _preset_table(head: str):
    from rich.table import Table

    from score.config.presets import presets_of

    table = Table("preset", "what it is")
    for name, about in presets_of(head).items():
        table.add_row(name, about)
    return table
