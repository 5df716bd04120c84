"""The error that fails one video while the run continues."""

from __future__ import annotations

# torch.OutOfMemoryError of a GPU, and what torch's CPU allocator says in a plain RuntimeError
MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory")


class VideoError(Exception):
    """One video cannot be extracted; the message is a single line for the user."""


def is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or any(words in str(error) for words in MEMORY_WORDS)
