"""vad-score: each command is a file in score/commands."""

from __future__ import annotations

import click

from extract.runtime.one_line_errors import OneLineErrors


class Program(OneLineErrors):
    lazy = {
        "train": "score.commands.train:train",
        "evaluate": "score.commands.evaluate:evaluate",
        "benchmark": "score.commands.benchmark:benchmark",
        "make-list": "score.commands.make_list:make_list",
        "predict": "score.commands.predict:predict",
        "explain": "score.commands.explain:explain",
        "app": "score.commands.app:app",
        "export": "score.commands.export:export",
        "heads": "score.commands.heads:heads",
    }
    resumes = {
        "train": "the same command with --resume continues after the last complete epoch",
        "benchmark": "the same command continues after the last complete epoch",
    }

    def expected_errors(self) -> tuple[type[Exception], ...]:
        from extract.store import StoreError

        return (*self.expected, StoreError)


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool):
    """Train heads on stored features, evaluate them, and find anomalies in videos."""


if __name__ == "__main__":
    main()
