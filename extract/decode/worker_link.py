"""The worker's end of the connection to its parent: events and shared memory out, jobs and releases in."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from extract.decode.decoder_messages import DecoderMessages
from extract.decode.shared_memory import ProgressPage, Regions, SharedMemory, page_multiple


class ParentGone(Exception):
    """The parent closed the connection: nobody is left to decode for."""


@dataclass(frozen=True)
class FramesSent:
    """FramesDecoded on its way: the frames lie at `offset` in the worker's shared memory."""

    video_id: str
    frame_index: np.ndarray
    pts_seconds: np.ndarray
    offset: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Release:
    """The parent is done with the region at offset."""

    offset: int


@dataclass(frozen=True)
class Warmup:
    """Settings follow later: meanwhile the worker imports what most jobs need."""


class WorkerLink:
    """Connection, progress page, shared memory and message file of one worker, seen from the worker."""

    def __init__(
        self, connection: Connection, page: ProgressPage, memory: SharedMemory, messages: DecoderMessages
    ):
        self.connection = connection
        self.page = page
        self.memory = memory
        self.messages = messages
        self.regions = Regions(os.fstat(memory.descriptor).st_size)

    def beat(self) -> None:
        """Report one step of progress and keep the message file small."""
        self.page.beat()
        self.messages.collect_when_large()

    def send(self, event: object) -> None:
        """Send an event; waiting for a slow parent does not count as a stall."""
        self._waiting(self.connection.send, event)

    def receive(self) -> Any:
        """The next job, or None to stop; handles the releases that arrive in between."""
        while True:
            message = self._waiting(self.connection.recv)
            if not isinstance(message, Release):
                return message
            self.regions.give_back(message.offset)

    def take(self, shape: tuple[int, int, int, int]) -> tuple[int, np.ndarray]:
        """A free region for frames of this shape and an array on it; waits while there is none."""
        size = int(np.prod(shape))
        # First the releases that have arrived, so that memory is reused before anybody waits for it.
        while self.connection.poll():
            self._receive_release()
        while (offset := self.regions.take(size)) is None:
            self._receive_release()
        return offset, self.memory.view(offset, shape)

    def ensure_capacity(self, size: int) -> None:
        """Enlarge the memory if it cannot hold `size` bytes."""
        if size > self.regions.capacity:
            # The parent maps the enlarged file when it first views frames beyond its mapping.
            self.regions.capacity = page_multiple(size)
            os.ftruncate(self.memory.descriptor, self.regions.capacity)

    def _receive_release(self) -> None:
        self.regions.give_back(self._waiting(self.connection.recv).offset)

    def _waiting(self, action: Callable[..., Any], *arguments: object) -> Any:
        """Run an action that waits for the parent, marked as waiting so that it does not count as a stall."""
        self.page.set("waiting", 1)
        try:
            return action(*arguments)
        except (EOFError, ConnectionError):
            raise ParentGone from None
        finally:
            self.page.beat()
            self.page.set("waiting", 0)
