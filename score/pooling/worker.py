"""A process that reads and pools videos for its parent; started by score.pooling.processes, loads no torch.

HDF5 lets one thread of a process read at a time, so that only further processes read a store faster.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from extract.store import FeatureStore, StoreError
from score.pooling.pooled_video import PooledVideo, instance_shapes, pooled_video
from score.pooling.rules import SegmentsConfig, num_instances

PIECE = 1 << 24  # bytes of instances in one message


@dataclass(frozen=True)
class Order:
    """What is asked of every video; see pooled_video."""

    roots: tuple[Path | str, ...]
    segments: SegmentsConfig
    moments: bool


@dataclass(frozen=True)
class Refused:
    """The text of a StoreError."""

    reason: str


def main(descriptor: int) -> None:
    """Answer every video id with a PooledVideo and the bytes of its instances, modality by modality, or with Refused,
    until the parent closes the connection. descriptor: an inherited socket."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    connection = Connection(descriptor)
    try:
        order: Order = connection.recv()
        try:
            stores = [FeatureStore(root) for root in order.roots]
        except StoreError as error:
            connection.send(Refused(str(error)))
            return
        while True:
            _answer(connection, connection.recv(), stores, order)
    except (EOFError, ConnectionError):
        pass


def _answer(connection: Connection, video_id: str, stores: Sequence[FeatureStore], order: Order) -> None:
    shapes = instance_shapes([store.spec for store in stores], order.segments)
    instances: dict[str, np.ndarray] = {}

    def place(num_segments: int) -> dict[str, np.ndarray]:
        count = num_instances(num_segments, order.segments)
        instances.update({name: np.empty((count, *shape), np.float32) for name, shape in shapes.items()})
        return instances

    try:
        video: PooledVideo = pooled_video(
            stores, video_id, order.segments, place=place, moments=order.moments
        )
    except StoreError as error:
        connection.send(Refused(str(error)))
        return
    connection.send(video)
    for rows in instances.values():
        for piece in pieces(rows):
            connection.send_bytes(piece)


def pieces(rows: np.ndarray) -> list[memoryview]:
    """The bytes of an array that lies in one piece, some at a time."""
    whole = memoryview(rows).cast("B")
    return [whole[begin : begin + PIECE] for begin in range(0, len(whole), PIECE)]
