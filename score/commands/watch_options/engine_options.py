"""The options of vad-score watch about where cameras are scored: in this process, or on a Ray cluster."""

from __future__ import annotations

from typing import Any

import click

from extract.runtime.options.cluster import cluster_options, taken_cluster

engine_options = cluster_options(
    work="deal the cameras out to actors",
    actors="score.  [default: one per GPU, or per machine without --gpus-per-worker]",
)


def taken_engine(options: dict[str, Any]):
    """The Engine of a command's options, which are removed from them; looks at measure, too.

    Raises UsageError for options that exclude each other, and ValueError without Ray.
    """
    from score.live.cluster.engine import engine_of

    cluster = taken_cluster(options)
    if cluster is not None and options["measure"]:
        raise click.UsageError("--measure is about one machine; leave out --engine ray")
    return engine_of(cluster)
