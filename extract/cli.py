"""vad-extract: from videos to a store of features; each command is a file in extract/commands."""

from __future__ import annotations

import click

from extract.runtime.one_line_errors import LazyCommand, OneLineErrors


class Program(OneLineErrors):
    lazy = {
        "run": LazyCommand("extract.commands.run:run", "Extract the features of the videos of a list."),
        "inspect": LazyCommand(
            "extract.commands.inspect:inspect", "Show what a store holds, and its damaged files."
        ),
        "verify": LazyCommand("extract.commands.verify:verify", "Read a store against its checksums."),
        "presets": LazyCommand(
            "extract.commands.presets:presets", "List presets, or print every setting of one with its source."
        ),
        "doctor": LazyCommand("extract.commands.doctor:doctor", "Try out every part that a run uses."),
        "import": LazyCommand(
            "extract.commands.import_:import_", "Convert features in a published layout to a store."
        ),
        "match": LazyCommand(
            "extract.commands.match:match", "Find out how features were made from their videos."
        ),
        "pack": LazyCommand("extract.commands.pack:pack", "Pack a store into one file."),
        "unpack": LazyCommand("extract.commands.pack:unpack", "Unpack a packed store into a folder."),
        "plan": LazyCommand("extract.commands.plan:plan", "Estimate time and disk space of a run."),
        "flow": LazyCommand("extract.commands.flow:flow", "Compute the optical flow of a video."),
        "scene": LazyCommand(
            "extract.commands.scene:scene", "Draw which people and objects are found in a video."
        ),
        "text": LazyCommand(
            "extract.commands.text:text", "Write text vectors of classes with CLIP's text tower."
        ),
        "weights": LazyCommand(
            "extract.commands.weights:weights", "List, fetch and check pretrained weights."
        ),
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
