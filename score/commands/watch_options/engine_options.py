"""The options of vad-score watch about where cameras are scored: in this process, or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

OPTIONS = (
    click.option(
        "--engine",
        type=click.Choice(["local", "ray"]),
        default="local",
        show_default=True,
        help="ray: deal the cameras out to the devices of a Ray cluster; paths must mean the same on every "
        "node.",
    ),
    click.option(
        "--address",
        help="ray: address of a running cluster.  [default: $RAY_ADDRESS, else one on this machine]",
    ),
    click.option(
        "--actors",
        type=click.IntRange(1),
        help="ray: how many processes score.  [default: one per GPU, or per machine without "
        "--gpus-per-worker]",
    ),
    click.option(
        "--gpus-per-worker",
        "gpus",
        type=click.FloatRange(0),
        default=0.0,
        show_default=True,
        help="ray: GPUs per actor.",
    ),
)


def engine_options(command: Callable) -> Callable:
    """Adds them to a command, in this order."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def taken_engine(options: dict[str, Any]):
    """The Engine of a command's options, which are removed from them; looks at measure, too.

    Raises UsageError for options that exclude each other, and ValueError without Ray.
    """
    from score.live.cluster.engine import Engine, ray_engine

    engine = options.pop("engine")
    cluster = {name: options.pop(name) for name in ("address", "actors", "gpus")}
    if engine == "local":
        names = {"address": "--address", "actors": "--actors", "gpus": "--gpus-per-worker"}
        if given := [names[name] for name, value in cluster.items() if value]:
            raise click.UsageError(f"{given[0]} is for --engine ray")
        return Engine()
    if options["measure"]:
        raise click.UsageError("--measure is about one machine; leave out --engine ray")
    return ray_engine(**cluster)
