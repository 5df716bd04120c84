"""Frames on their way from a worker to its parent: unnamed shared memory, so nothing can be left behind.

The worker hands out regions and the parent returns each one when it is done with it. An anonymous memory file
is not limited by the size of /dev/shm (64 MB in many containers) and vanishes with the last process that
holds it.
"""

from __future__ import annotations

import mmap
import os
import tempfile

import numpy as np
from numpy.typing import DTypeLike

PAGE = 4096
MOST_REGIONS = 256  # so that all their releases fit into a connection that nobody reads at the moment


def open_memory_file(size: int) -> int:
    """A file descriptor of unnamed shared memory; a page takes memory once it is first written."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("frames")
    else:
        with tempfile.TemporaryFile() as stream:
            descriptor = os.dup(stream.fileno())
    os.ftruncate(descriptor, size)
    return descriptor


def page_multiple(size: int) -> int:
    """The smallest whole number of pages that holds `size` bytes, in bytes."""
    return -(-size // PAGE) * PAGE


class SharedMemory:
    """A memory file mapped into this process; maps it again after the other side enlarged it."""

    def __init__(self, descriptor: int):
        self.descriptor = descriptor
        self._map = mmap.mmap(descriptor, os.fstat(descriptor).st_size)

    def view(self, offset: int, shape: tuple[int, ...], dtype: DTypeLike = np.uint8) -> np.ndarray:
        """An array on the memory, which keeps the mapping alive by itself."""
        count = int(np.prod(shape))
        if offset + count * np.dtype(dtype).itemsize > len(self._map):
            self._map = mmap.mmap(self.descriptor, os.fstat(self.descriptor).st_size)
        return np.frombuffer(self._map, dtype=dtype, count=count, offset=offset).reshape(shape)


class Regions:
    """Which parts of a memory of `capacity` bytes are in use: first fit, lowest address first."""

    def __init__(self, capacity: int):
        self.capacity = capacity
        self._in_use: dict[int, int] = {}  # offset -> size

    def take(self, size: int) -> int | None:
        """The offset of a free region of `size` bytes, None while there is none."""
        if size > self.capacity:
            raise ValueError(f"{size} bytes requested from a memory of {self.capacity}")
        size = page_multiple(size)
        # Try the gap before each region in use; the rest of the memory follows after the last one.
        offset = 0
        for start, used in sorted(self._in_use.items()):
            if start - offset >= size:
                break
            offset = start + used
        if offset + size > page_multiple(self.capacity) or len(self._in_use) == MOST_REGIONS:
            return None
        self._in_use[offset] = size
        return offset

    def give_back(self, offset: int) -> None:
        """Free the region at offset; does nothing if it is free already."""
        self._in_use.pop(offset, None)


class ProgressPage:
    """A page that a worker writes and its parent reads: the worker is alive, but does it make progress?

    started: 1 once the worker runs. beats: grows with every step. waiting: 1 while the worker waits for its
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
        """Report one step of progress."""
        self._fields[self.FIELDS.index("beats")] += 1
