"""A command line whose expected errors are one line each, without a traceback."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, NamedTuple

import click

from extract.runtime.foreign.printable import printable
from extract.runtime.say import say, say_traceback
from extract.runtime.secret_variables import hold
from extract.runtime.standard_streams import open_standard_streams
from extract.runtime.stopping import end_at_once, leave, stopped_by_signals
from extract.runtime.waiting_threads import wait_asleep

SHOWN = 200  # characters of a name
INTERRUPTED = 130  # what shells expect of a program that Ctrl-C ended: 128 + SIGINT


class LazyCommand(NamedTuple):
    """home: "module:attribute" of a command. about: its line in the list of commands."""

    home: str
    about: str


class OneLineErrors(click.Group):
    """Prints expected errors as `error: ...` and exits with 2; raises them if the group has --debug set.

    Ctrl-C, SIGTERM and a hang-up end every command through its clean-up, with one line and the exit code of
    shells.
    """

    expected: tuple[type[Exception], ...] = (ValueError, OSError)
    # Commands that are imported when they are asked for: before that a signal finds nothing to clean up, so
    # the way there is short, and --help imports none of them.
    lazy: Mapping[str, LazyCommand] = {}
    # Name -> how an interrupted command goes on, for those that do.
    resumes: Mapping[str, str] = {}
    running = ""

    def main(self, *arguments: Any, **options: Any) -> Any:
        open_standard_streams()
        hold()
        wait_asleep()
        sys.excepthook = say_traceback
        # A process of its own, not a caller in Python.
        alone = not arguments and options.get("args") is None
        try:
            with stopped_by_signals(self._stopped):
                return super().main(*arguments, **options)
        except SystemExit as end:
            if alone and isinstance(end.code, int | None):
                end_at_once()
                leave(end.code or 0)
            raise
        finally:
            if alone:
                end_at_once()

    def expected_errors(self) -> tuple[type[Exception], ...]:
        """What becomes one line; asked for when something was raised."""
        return self.expected

    @property
    def commands(self) -> MutableMapping[str, click.Command]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Every command by its name; loads them all."""
        for name in self.lazy:
            self._load(name)
        return self._loaded

    @commands.setter
    def commands(self, commands: MutableMapping[str, click.Command]) -> None:
        self._loaded = commands

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - of click
        return sorted({*self.lazy, *self._loaded})

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands with their lines, without loading one of them."""
        rows = [
            (name, self.lazy[name].about if name in self.lazy else self._loaded[name].get_short_help_str(100))
            for name in self.list_commands(ctx)
        ]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - of click
        if cmd_name in self.lazy:
            self._load(cmd_name)
        return self._loaded.get(cmd_name)

    def _load(self, name: str) -> None:
        if name not in self._loaded:
            module, _, attribute = self.lazy[name].home.partition(":")
            self._loaded[name] = getattr(importlib.import_module(module), attribute)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        self.running = name or ""
        return name, command, rest

    def _stopped(self) -> str:
        return f"stopped; {more}" if (more := self.resumes.get(self.running)) else "stopped"

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        try:
            return super().make_context(*arguments, **options)
        except click.ClickException as error:
            raise _printable(error) from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            raise _printable(error) from None
        except self.expected_errors() as error:
            # A reader that closes the pipe, such as head, is not an error; click then ends quietly.
            if ctx.params.get("debug") or isinstance(error, BrokenPipeError):
                raise
            # Only what separates several mistakes ends a line, and each begins with our own word.
            for line in _message(error).split("\n"):
                say(f"error: {line}", err=True)
            ctx.exit(2)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)


def _printable(error: click.ClickException) -> click.ClickException:
    """A mistake of usage; its text repeats the command line, into which shells expand names of files."""
    vars(error)["message"] = printable(error.message)
    return error


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{printable(str(error.filename))}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, UnicodeEncodeError):  # a name of a file that is not UTF-8, where it must be text
        return f"{printable(error.object[:SHOWN])}: the name is not UTF-8; rename it"
    return str(error) or type(error).__name__
