"""Wait for what other processes and threads do, by polling."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], seconds: float = 60.0, *, pause: float = 0.01) -> T:
    """The first true value of the condition; AssertionError if it stays false for that many seconds."""
    limit = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < limit, f"not within {seconds:g} seconds"
        time.sleep(pause)
    return value
