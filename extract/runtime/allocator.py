"""Memory settings for a process that allocates the same large tensors over and over."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # parameters of mallopt, from malloc.h
LARGEST, SMALLEST = 1 << 30, 128 << 10


def keep_large_blocks() -> None:
    """Keep freed blocks for the next tensor instead of returning them to the system.

    Otherwise the system clears and maps new memory, page by page, for every tensor over 32 MB: a third of
    EfficientNet's time on CPUs, half of a training step over ten crops. Only GNU's C library has the setting;
    elsewhere this does nothing. The process stays as large as its largest need.
    """
    if (library := _gnu_library()) is not None:
        library.mallopt(MMAP_THRESHOLD, LARGEST)
        library.mallopt(TRIM_THRESHOLD, LARGEST)


@contextlib.contextmanager
def large_blocks_apart() -> Iterator[None]:
    """Meanwhile return each large block as soon as it is freed; afterwards keep_large_blocks.

    For what is done once and leaves something behind, as the first batch leaves laid out weights: they would
    lie among freed tensors, in whose places the larger ones of the next batch do not fit.
    """
    if (library := _gnu_library()) is not None:
        library.mallopt(MMAP_THRESHOLD, SMALLEST)
    try:
        yield
    finally:
        keep_large_blocks()
        return_free_blocks()


def return_free_blocks() -> None:
    """Return to the system what is free now, of every size."""
    if (library := _gnu_library()) is not None:
        library.malloc_trim(0)


def _gnu_library() -> ctypes.CDLL | None:
    """The C library if it is GNU's: others have functions of these names too, with other parameters."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None


def ask_for_huge_pages() -> None:
    """Have torch ask for large pages if the system offers them. Call it before torch is used."""
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
