"""vad-score heads: lists the heads, their presets and settings."""

from __future__ import annotations

import sys

import click

from extract.runtime.say import say


@click.command()
@click.argument("name", required=False)
@click.option(
    "--preset",
    metavar="PRESET",
    help="Print the settings of this preset of NAME as YAML, for train --config.",
)
@click.option(
    "--verbose",
    is_flag=True,
    help="Describe NAME, where it departs from its paper, and each setting with its value.",
)
def heads(name, preset, verbose):
    """List the heads, or the presets of the head NAME. Piped output has one name per line."""
    from score.config.presets import preset_of, presets_of

    if verbose:
        from score.commands.head_description import description

        if name is None:
            raise click.UsageError("--verbose needs NAME, the head")
        for line in description(name, preset_of(name, preset or "default")):
            say(line)
    elif preset is not None:
        if name is None:
            raise click.UsageError("--preset needs NAME, the head")
        for line in preset_of(name, preset).to_yaml().removesuffix("\n").split("\n"):
            say(line)
    elif name is not None:
        preset_of(name)  # raises for an unknown head
        _show(list(presets_of(name)), lambda: _preset_table(name))
    else:
        from score.heads import HEADS

        _show(list(HEADS), _head_table)


def _show(names: list[str], make_table) -> None:
    if not sys.stdout.isatty():
        for name in names:
            say(name)
        return
    from rich.console import Console

    Console().print(make_table())


def _head_table():
    from rich.table import Table

    from score.config.presets import presets_of
    from score.heads import HEADS

    table = Table("head", "presets", "what it is")
    for name, head in HEADS.items():
        lines = [_first_line(head), _first_line(sys.modules[head.__module__])]
        table.add_row(name, ", ".join(presets_of(name)), "\n".join(lines))
    return table


def _first_line(thing: object) -> str:
    return (thing.__doc__ or "").partition("\n")[0]


def _preset_table(head: str):
    from rich.table import Table

    from score.config.presets import presets_of

    table = Table("preset", "what it is")
    for name, about in presets_of(head).items():
        table.add_row(name, about)
    return table
