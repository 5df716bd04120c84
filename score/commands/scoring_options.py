"""Options of the commands that score videos: predict, app, serve and watch."""

from __future__ import annotations

from pathlib import Path

import click


def checkpoint_option(*names: str, more: str = ""):
    """--checkpoint. names: further ones, the last one that of the parameter. more: what several are for."""
    help_text = "A run, whose seeds score together, a seed's folder or a checkpoint file"
    return click.option(
        "--checkpoint",
        *names,
        required=True,
        multiple=bool(more),
        type=click.Path(path_type=Path),
        metavar="RUN",
        help=f"{help_text}; {more}." if more else f"{help_text}.",
    )


ensemble_option = click.option(
    "--ensemble/--no-ensemble",
    default=True,
    show_default=True,
    help="Average all seeds of a run, or use only the one with the best validation AUC.",
)
threshold_option = click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="Frames of this score and above are anomalous.  [default: the checkpoint's, else 0.5]",
)
max_megabytes_option = click.option(
    "--max-megabytes",
    default=500,
    show_default=True,
    type=click.IntRange(1),
    help="Size limit of a video.",
)
max_minutes_option = click.option(
    "--max-minutes",
    default=60.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Length limit of a video.",
)
webhook_file_option = click.option(
    "--webhook-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="File with the address to which alerts are posted as JSON, readable by you alone (mode 600).  "
    "[default: the environment variable VAD_WEBHOOK; without both, nothing is posted]",
)


def token_file_option(who: str):
    """--token-file. who: what asks for the token, in words."""
    return click.option(
        "--token-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help=f"File with the token that {who}, readable by you alone (mode 600).  [default: a new token at "
        "every start, in a file whose path is printed]",
    )


def names_option(what: str):
    """--name. what: others reach under it."""
    return click.option(
        "--name",
        "names",
        multiple=True,
        metavar="NAME",
        help=f"Name under which others reach {what}, such as that of a proxy; repeat it for more. Requests "
        "for any other name are refused.",
    )
