"""Too little memory as one line that says what needed it and what to reduce."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

# How torch words it where it raises a plain RuntimeError.
TORCH_TEXTS = (
    "DefaultCPUAllocator",
    "not enough memory",
    "can't allocate memory",
    "CUDA out of memory",
    "CUDA error: out of memory",
    "ALLOC_FAILED",
    "bad_alloc",
)


class OutOfMemory(ValueError):
    """Work that needs more memory than there is; the message is a single line for the user."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of Python, numpy or torch says that memory ran out, on a CPU or a GPU."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in TORCH_TEXTS)


@contextlib.contextmanager
def naming_memory(work: Callable[[], str], advice: str) -> Iterator[None]:
    """Raise OutOfMemory with these words if memory runs out in the block.

    work: gives the subject, such as "the video a (61000 segments)"; called only then. advice: what to reduce.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(f"{work()}: needs more memory than there is; {advice}") from None
