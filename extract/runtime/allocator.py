"""Memory settings for a process that allocates the same large tensors over and over."""

from __future__ import annotations

import ctypes
import os
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # parameters of mallopt, from malloc.h
LARGEST = 1 << 30


def keep_large_blocks() -> None:
    """Keep freed blocks for the next tensor instead of returning them to the system.

    Otherwise the system clears and maps new memory, page by page, for every tensor over 32 MB: a third of
    EfficientNet's time on CPUs, half of a training step over ten crops. Only GNU's C library has the setting;
    elsewhere this does nothing. The process stays as large as its largest need.
    """
    if not sys.platform.startswith("linux"):
        return
    # mallopt exists in other C libraries too, with other parameters.
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt") and hasattr(library, "gnu_get_libc_version"):
        library.mallopt(MMAP_THRESHOLD, LARGEST)
        library.mallopt(TRIM_THRESHOLD, LARGEST)


def ask_for_huge_pages() -> None:
    """Have torch ask for large pages if the system offers them. Call it before torch is used."""
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
