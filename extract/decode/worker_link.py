"""A worker's side of the connection to its parent: messages out, shared memory out, releases in."""

from __future__ import annotations

import os
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np

from extract.decode.decoder_messages import DecoderMessages
from extract.decode.shared_memory import PAGE, ProgressPage, Regions, SharedMemory


class ParentGone(Exception):
    """The parent closed the connection: there is nobody to decode for."""


@dataclass(frozen=True)
class FramesSent:
    """FramesDecoded on its way: the frames lie at `offset` of the worker's shared memory."""

    video_id: str
    frame_index: np.ndarray
    pts_seconds: np.ndarray
    offset: int
    shape: tuple[int, int, int, int]


@dataclass(frozen=True)
class Release:
    """The parent is done with the region at offset."""

    offset: int


class WorkerLink:
    def __init__(
        self, connection: Connection, page: ProgressPage, memory: SharedMemory, messages: DecoderMessages
    ):
        self.connection = connection
        self.page = page
        self.memory = memory
        self.messages = messages
        self.regions = Regions(os.fstat(memory.descriptor).st_size)

    def beat(self) -> None:
        self.page.beat()
        self.messages.collect_when_large()

    def send(self, event: object) -> None:
        """Sends an event; waiting for a slow parent is not a stall."""
        self._waiting(self.connection.send, event)

    def receive(self):
        """The next job, or None to stop; releases that come in between are booked."""
        while True:
            message = self._waiting(self.connection.recv)
            if not isinstance(message, Release):
                return message
            self.regions.give_back(message.offset)

    def take(self, shape: tuple[int, int, int, int]) -> tuple[int, np.ndarray]:
        """A free region for frames of this shape and the array on it; waits while there is none."""
        size = int(np.prod(shape))
        while self.connection.poll():
            self._book_release()
        while (offset := self.regions.take(size)) is None:
            self._book_release()
        return offset, self.memory.view(offset, shape)

    def make_room(self, size: int) -> None:
        """Makes the memory larger where it cannot hold `size` bytes."""
        if size > self.regions.capacity:
            self.regions.capacity = -(-size // PAGE) * PAGE
            os.ftruncate(self.memory.descriptor, self.regions.capacity)

    def _book_release(self) -> None:
        self.regions.give_back(self._waiting(self.connection.recv).offset)

    def _waiting(self, action, *arguments):
        self.page.set("waiting", 1)
        try:
            return action(*arguments)
        except (EOFError, ConnectionError):
            raise ParentGone from None
        finally:
            self.page.beat()
            self.page.set("waiting", 0)
