"""A choice whose values are imported when they are needed, so that a mistyped command is refused at once."""

from __future__ import annotations

import importlib
from collections.abc import Iterable

import click


class LazyChoice(click.Choice):
    """click.Choice of the names in a table or tuple.

    home: "module:attribute" of the table; help and conversion import it, nothing else does.
    """

    def __init__(self, home: str):
        self._home = home
        super().__init__(())

    @property
    def choices(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The names, in the order of the table."""
        module, _, attribute = self._home.partition(":")
        return tuple(getattr(importlib.import_module(module), attribute))

    @choices.setter
    def choices(self, choices: Iterable[str]) -> None:
        """Of click's constructor, which has none to give."""
