"""Settings of the C library's memory for a process that allocates the same large tensors over and over."""

from __future__ import annotations

import ctypes
import os
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # of mallopt, from malloc.h
LARGEST = 1 << 30


def keep_large_blocks() -> None:
    """Have freed blocks kept for the next tensor instead of given back to the system.

    Otherwise every tensor over 32 MB is new memory, which the system clears and enters page by page: a third of
    EfficientNet's time on CPUs, half of a training step over ten crops. Does nothing where the C library is not GNU's. The process keeps its greatest need.
    """
    if not sys.platform.startswith("linux"):
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt") and hasattr(library, "gnu_get_libc_version"):
        library.mallopt(MMAP_THRESHOLD, LARGEST)
        library.mallopt(TRIM_THRESHOLD, LARGEST)


def ask_for_huge_pages() -> None:
    """Have torch ask for large pages, where the system gives them on request; to be called before torch is used."""
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
