"""Which Ray cluster a command works on: its options, and what they mean."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

FLAGS = {"address": "--address", "actors": "--actors", "gpus": "--gpus-per-worker"}


@dataclass(frozen=True)
class Cluster:
    """Where to run."""

    # address of a running cluster; None uses $RAY_ADDRESS, and without that starts one on this machine
    address: str | None = None
    # None = as many as the command has work or place for
    actors: int | None = None
    # GPUs per actor; a share such as 0.5 puts two actors on one device, 0 = CPUs only
    gpus: float = 0.0

    @property
    def is_elsewhere(self) -> bool:
        """Whether it runs already, perhaps on other machines."""
        return bool(self.address or os.environ.get("RAY_ADDRESS"))


def cluster_options(*, work: str, actors: str) -> Callable[[Callable], Callable]:
    """Adds --engine, --address, --actors and --gpus-per-worker to a command, in this order.

    work: what is done on a cluster, in words. actors: what an actor is and how many there are by default.
    """
    options = (
        click.option(
            "--engine",
            type=click.Choice(["local", "ray"]),
            default="local",
            show_default=True,
            help=f"ray: {work} on a Ray cluster; paths must mean the same on every node.",
        ),
        click.option(
            "--address",
            help="ray: address of a running cluster.  [default: $RAY_ADDRESS, else one on this machine]",
        ),
        click.option("--actors", type=click.IntRange(1), help=f"ray: how many actors {actors}"),
        click.option(
            "--gpus-per-worker",
            "gpus",
            type=click.FloatRange(0),
            default=0.0,
            show_default=True,
            help="ray: GPUs per actor.",
        ),
    )

    def added(command: Callable) -> Callable:
        for option in reversed(options):
            command = option(command)
        return command

    return added


def taken_cluster(options: dict[str, Any]) -> Cluster | None:
    """Of a command's options, which are removed from them; None for --engine local.

    Raises UsageError for options of a cluster without one.
    """
    engine = options.pop("engine")
    values = {name: options.pop(name) for name in FLAGS}
    if engine == "ray":
        return Cluster(**values)
    if given := [FLAGS[name] for name, value in values.items() if value]:
        raise click.UsageError(f"{given[0]} is for --engine ray")
    return None
