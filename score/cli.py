"""vad-score: each command is a file in score/commands."""

from __future__ import annotations

import click

from extract.runtime.one_line_errors import OneLineErrors
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


class Program(OneLineErrors):
    expected = (*OneLineErrors.expected, StoreError)


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool):
    """Train heads on stored features, evaluate them, and find anomalies in videos."""


for command in COMMANDS:
    main.add_command(command)

if __name__ == "__main__":
    main()
