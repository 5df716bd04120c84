"""A command line whose expected errors are one line each, without a traceback."""

from __future__ import annotations

import sys
from typing import Any

import click

from extract.runtime.foreign.printable import printable
from extract.runtime.say import say, say_traceback

INTERRUPTED = 130  # what shells expect of a program that Ctrl-C ended: 128 + SIGINT


class OneLineErrors(click.Group):
    """Prints expected errors as `error: ...` and exits with 2; raises them if the group has --debug set."""

    expected: tuple[type[Exception], ...] = (ValueError, OSError)

    def main(self, *arguments: Any, **options: Any) -> Any:
        sys.excepthook = say_traceback
        return super().main(*arguments, **options)

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
        except self.expected as error:
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
    return str(error) or type(error).__name__
