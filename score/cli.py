"""vad-score: each command is a file in score/commands."""

from __future__ import annotations

import click

from extract.runtime.one_line_errors import LazyCommand, OneLineErrors


class Program(OneLineErrors):
    lazy = {
        "train": LazyCommand(
            "score.commands.train:train", "Train a head on stored features with labels per video."
        ),
        "evaluate": LazyCommand(
            "score.commands.evaluate:evaluate", "Evaluate a run, or scores of any program, on test videos."
        ),
        "benchmark": LazyCommand(
            "score.commands.benchmark:benchmark",
            "Train and test heads on stores, and compare them in one table.",
        ),
        "make-list": LazyCommand(
            "score.commands.make_list:make_list", "Make a list of videos from labels or a folder."
        ),
        "predict": LazyCommand(
            "score.commands.predict:predict", "Find anomalies in videos with a trained head."
        ),
        "watch": LazyCommand("score.commands.watch:watch", "Score cameras live with a trained head."),
        "review": LazyCommand(
            "score.commands.review:review", "Ask for the labels that would teach a head most."
        ),
        "explain": LazyCommand(
            "score.commands.explain:explain", "Draw where a head sees anomalies in a video."
        ),
        "app": LazyCommand(
            "score.commands.app:app", "Serve a web page: upload a video and see its anomalies."
        ),
        "serve": LazyCommand(
            "score.commands.serve:serve", "Serve an HTTP interface: send a video, get its anomalies."
        ),
        "export": LazyCommand("score.commands.export:export", "Export a trained head to ONNX."),
        "heads": LazyCommand("score.commands.heads:heads", "List heads and their presets, or explain one."),
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
