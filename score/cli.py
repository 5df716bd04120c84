"""vad-score: each command is a file in score/commands."""

from __future__ import annotations

import click

from extract.store import StoreError
from score.commands.app import app
from score.commands.benchmark import benchmark
from score.commands.evaluate import evaluate
from score.commands.explain import explain
from score.commands.export import export
from score.commands.heads import heads
from score.commands.predict import predict
from score.commands.train import train

COMMANDS = (train, evaluate, benchmark, predict, explain, app, export, heads)


class OneLineErrors(click.Group):
    """Reports expected errors (lists, stores, settings, files) in one line and exits with status 2."""

    def invoke(self, ctx: click.Context):
        try:
            return super().invoke(ctx)
        except (ValueError, StoreError, OSError) as error:  # ListError and the like are ValueErrors
            if ctx.params.get("debug") or isinstance(error, BrokenPipeError):
                raise
            for line in _message(error).splitlines():
                click.echo(f"error: {line}", err=True)
            ctx.exit(2)
        except KeyboardInterrupt:
            ctx.exit(130)


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__


@click.group(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool):
    """Train heads on stored features, evaluate them, and find anomalies in videos."""


for command in COMMANDS:
    main.add_command(command)

if __name__ == "__main__":
    main()
