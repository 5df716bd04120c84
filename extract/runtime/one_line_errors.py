"""A command line whose expected errors are one line each, without a traceback."""

from __future__ import annotations

from typing import Any

import click

INTERRUPTED = 130  # what shells expect of a program that Ctrl-C ended: 128 + SIGINT


class OneLineErrors(click.Group):
    """Prints expected errors as `error: ...` and exits with 2; raises them if the group has --debug set."""

    expected: tuple[type[Exception], ...] = (ValueError, OSError)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except self.expected as error:
            # A reader that closes the pipe, such as head, is not an error; click then ends quietly.
            if ctx.params.get("debug") or isinstance(error, BrokenPipeError):
                raise
            for line in _message(error).splitlines():
                click.echo(f"error: {line}", err=True)
            ctx.exit(2)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__
