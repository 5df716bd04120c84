"""How many actors a cluster has place for, and what a cluster needs that is started for them alone."""

from __future__ import annotations

import math
from typing import Any

from extract.runtime.options.cluster import Cluster

OBJECT_STORE_BYTES = 100_000_000  # for pictures on their way; Ray takes no less than 75 MiB


def own_cluster(cluster: Cluster) -> dict[str, Any]:
    """Arguments of ray.init for a cluster on this machine, as small as it can be.

    Ray starts a process per processor that it is given: one per actor, and one that takes the place of an
    actor that hangs, before Ray has ended it.
    """
    return {"num_cpus": (cluster.actors or 1) + 1, "object_store_memory": OBJECT_STORE_BYTES}


def num_actors(ray: Any, cluster: Cluster) -> int:
    """As many as were asked for, else one per device: per GPU, or per machine without --gpus-per-worker.

    Raises ValueError if no node has one.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if cluster.gpus:
        fitting = sum(math.floor(node.get("GPU", 0) / cluster.gpus) for node in nodes)
        need = f"{cluster.gpus:g} GPUs"
    else:
        fitting, need = sum(node.get("CPU", 0) >= 1 for node in nodes), "a CPU"
    if not fitting:
        raise ValueError(f"no node of the cluster has {need} for an actor")
    return cluster.actors or fitting
