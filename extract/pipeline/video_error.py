"""What fails one video and lets the run go on."""

from __future__ import annotations

# torch.OutOfMemoryError of a GPU, and what torch's CPU allocator says in a plain RuntimeError
MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory")


class VideoError(Exception):
    """One video cannot be extracted; the text is one line for a person."""


def is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or any(words in str(error) for words in MEMORY_WORDS)
