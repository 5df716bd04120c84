"""Frames on their way from a worker to its parent: shared memory without a name, so nothing can be left
behind.

The worker gives out regions and the parent sends each back when it is done with it. An anonymous memory file
is not bound by the size of /dev/shm (64 MB in many containers) and is gone with the last process that holds
it.
"""

from __future__ import annotations

import mmap
import os
import tempfile

import numpy as np

PAGE = 4096
MOST_REGIONS = 256  # as many releases fit in a connection that nobody reads at the moment


def open_memory_file(size: int) -> int:
    """A file descriptor of unnamed shared memory; its pages are taken when they are first written."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("frames")
    else:
        with tempfile.TemporaryFile() as stream:
            descriptor = os.dup(stream.fileno())
    os.ftruncate(descriptor, size)
    return descriptor


class SharedMemory:
    """A memory file mapped into this process; maps anew when the other side made it larger."""

    def __init__(self, descriptor: int):
        self.descriptor = descriptor
        self._map = mmap.mmap(descriptor, os.fstat(descriptor).st_size)

    def view(self, offset: int, shape: tuple[int, ...], dtype=np.uint8) -> np.ndarray:
        """An array on the memory; it keeps the mapping alive on its own."""
        count = int(np.prod(shape))
        if offset + count * np.dtype(dtype).itemsize > len(self._map):
            self._map = mmap.mmap(self.descriptor, os.fstat(self.descriptor).st_size)
        return np.frombuffer(self._map, dtype=dtype, count=count, offset=offset).reshape(shape)


class Regions:
    """Which parts of a memory of `capacity` bytes are taken: first fit, lowest address first."""

    def __init__(self, capacity: int):
        self.capacity = capacity
        self._taken: dict[int, int] = {}  # offset -> size

    def take(self, size: int) -> int | None:
        """The offset of a free region of `size` bytes, None while there is none."""
        if size > self.capacity:
            raise ValueError(f"{size} bytes asked of a memory of {self.capacity}")
        size = -(-size // PAGE) * PAGE
        offset = 0
        for start, taken in sorted(self._taken.items()):
            if start - offset >= size:
                break
            offset = start + taken
        if offset + size > -(-self.capacity // PAGE) * PAGE or len(self._taken) == MOST_REGIONS:
            return None
        self._taken[offset] = size
        return offset

    def give_back(self, offset: int) -> None:
        self._taken.pop(offset, None)


class ProgressPage:
    """A page that a worker writes and its parent reads: alive, but is it moving?

    started: 1 once the worker is up. beats: grows with every step. waiting: 1 while the worker waits for its
    parent. reader: index of the decoder in use.
    """

    FIELDS = ("started", "beats", "waiting", "reader")

    def __init__(self, descriptor: int):
        self._fields = SharedMemory(descriptor).view(0, (len(self.FIELDS),), np.int64)

    def get(self, name: str) -> int:
        return int(self._fields[self.FIELDS.index(name)])

    def set(self, name: str, value: int) -> None:
        self._fields[self.FIELDS.index(name)] = value

    def beat(self) -> None:
        self._fields[1] += 1
