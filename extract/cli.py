"""vad-extract: from videos to a store of features; each command is a file in extract/commands."""

from __future__ import annotations

import click

from extract.runtime.one_line_errors import OneLineErrors


class Program(OneLineErrors):
    lazy = {
        "run": "extract.commands.run:run",
        "inspect": "extract.commands.inspect:inspect",
        "verify": "extract.commands.verify:verify",
        "presets": "extract.commands.presets:presets",
        "doctor": "extract.commands.doctor:doctor",
        "import": "extract.commands.import_:import_",
        "match": "extract.commands.match:match",
        "pack": "extract.commands.pack:pack",
        "unpack": "extract.commands.pack:unpack",
        "plan": "extract.commands.plan:plan",
        "flow": "extract.commands.flow:flow",
        "scene": "extract.commands.scene:scene",
        "text": "extract.commands.text:text",
        "weights": "extract.commands.weights:weights",
    }
    resumes = {
        "run": "the same command continues from here",
        "import": "the same command continues from here",
        "unpack": "the same command continues from here",
        "verify": "with --new the same command continues from here",
        "weights": "the same command continues from here",
    }

    def expected_errors(self) -> tuple[type[Exception], ...]:
        from extract.store import StoreError

        return (*self.expected, StoreError)


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vad-pipeline")
def main():
    """Stage 1: run frozen backbones over videos and store their features."""


if __name__ == "__main__":
    main()
