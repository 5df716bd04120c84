"""A process that reads and pools videos for its parent; started by score.pooling.pool_processes.

HDF5 lets one thread per process read at a time, so only more processes read a store faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from extract.store import FeatureStore, StoreError
from score.pooling.pooled_video import PooledVideo, instance_shapes, pooled_video
from score.pooling.rules import SegmentsConfig, num_instances

CHUNK_BYTES = 1 << 24  # size of one message with instances


@dataclass(frozen=True)
class PoolJob:
    """The arguments of pooled_video that all videos share."""

    roots: tuple[Path | str, ...]
    segments: SegmentsConfig
    moments: bool


@dataclass(frozen=True)
class Refusal:
    """A StoreError on its way to the parent."""

    reason: str


def main(connection: Connection) -> None:
    """Serve the parent until it closes the connection.

    The answer to a video id is a PooledVideo and the bytes of its instances by modality, or a Refusal.
    """
    try:
        job: PoolJob = connection.recv()
        try:
            stores = [FeatureStore(root) for root in job.roots]
        except StoreError as error:
            while connection.recv():
                connection.send(Refusal(str(error)))
            return
        while True:
            _answer(connection, connection.recv(), stores, job)
    except (EOFError, ConnectionError):
        pass


def _answer(connection: Connection, video_id: str, stores: Sequence[FeatureStore], job: PoolJob) -> None:
    shapes = instance_shapes([store.spec for store in stores], job.segments)
    instances: dict[str, np.ndarray] = {}

    def place(num_segments: int) -> dict[str, np.ndarray]:
        count = num_instances(num_segments, job.segments)
        instances.update({name: np.empty((count, *shape), np.float32) for name, shape in shapes.items()})
        return instances

    try:
        video: PooledVideo = pooled_video(stores, video_id, job.segments, place=place, moments=job.moments)
    except StoreError as error:
        connection.send(Refusal(str(error)))
        return
    except MemoryError:
        connection.send(Refusal(f"{video_id}: needs more memory than there is; fewer processes need less"))
        return
    connection.send(video)
    for rows in instances.values():
        for chunk in byte_chunks(rows):
            connection.send_bytes(chunk)


def byte_chunks(rows: np.ndarray) -> list[memoryview]:
    """Views of the bytes of a contiguous array, small enough for one message each."""
    everything = rows.data.cast("B")
    return [everything[begin : begin + CHUNK_BYTES] for begin in range(0, len(everything), CHUNK_BYTES)]
