"""Options and arguments that several commands of vad-score share."""

from __future__ import annotations

from pathlib import Path

import click

from extract.runtime.machine.limits import cores

JOINS = ("exact", "cut", "time")

device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "cpu", "cuda"]),
    help="Where to compute; auto uses the GPU if there is one.",
)
decode_workers_option = click.option(
    "--workers",
    type=click.IntRange(1),
    default=cores(),
    show_default="CPU cores",
    help="Number of processes that decode videos, one video each at a time.",
)
weights_option = click.option(
    "--weights",
    multiple=True,
    metavar="[PRESET=]PATH",
    help="Weights file of the backbone, if the preset does not find it on its own; repeat it for more "
    "presets.",
)


texts_option = click.option(
    "--texts",
    "texts_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Vectors of the classes for heads that take them (vadclip, pel4vad): a file of vad-extract text, or "
    "a matrix .npy.  [default: the head learns a vector for each class]",
)
text_names_option = click.option(
    "--text-names",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Names of the rows of an .npy of --texts, one a line.  [default: its name with .txt]",
)


def read_texts(texts_file: Path | None, text_names: Path | None):
    """The texts of these options, None without any. Raises ForeignFileError."""
    from extract.store.texts import read_class_texts

    if texts_file is None:
        if text_names is not None:
            raise click.UsageError("--text-names names the rows of --texts, which is not given")
        return None
    if text_names is not None and texts_file.suffix.lower() != ".npy":
        raise click.UsageError(f"--text-names is for an .npy of --texts; {texts_file.name} has its own names")
    return read_class_texts(texts_file, text_names)


more_runs_option = click.option(
    "--run",
    "more_runs",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="A further run, whose scores are averaged with those of RUN; repeat it for more.",
)
run_weights_option = click.option(
    "--run-weights",
    metavar="RULE",
    help="How much each of several runs counts, in their order: numbers as 0.7,0.3, equal, or auto, which "
    "chooses by the AUC on the videos that validated every run.  [default: auto]",
)


def check_run_weights(run_weights: str | None, runs: int) -> None:
    """Raise UsageError for --run-weights without several runs."""
    if run_weights is not None and runs < 2:
        raise click.UsageError("--run-weights weighs several runs; give more with --run")


def join_option(default: str):
    """--join. default: what happens without it, in words."""
    return click.option(
        "--join",
        type=click.Choice(JOINS),
        help="Several stores whose segments of a video differ: refuse them (exact), leave out the end of the "
        "longer one (cut), or take segments by the time of those of the first (time).  "
        f"[default: {default}]",
    )


def single_checkpoint(run: Path) -> Path:
    """The checkpoint of RUN, which must hold one seed. Raises CheckpointError."""
    from score.runs.checkpoint_error import CheckpointError
    from score.runs.run_folders import checkpoint_paths

    paths = checkpoint_paths(run)
    if len(paths) > 1:
        raise CheckpointError(f"{run} holds {len(paths)} seeds; name one, for example {paths[0].parent}")
    return paths[0]
