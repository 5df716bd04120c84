"""Ctrl-C and SIGTERM that end a program through its clean-up."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Inside, Ctrl-C and SIGTERM raise SystemExit with the exit code that shells expect, 128 + the signal."""
    received: list[int] = []

    def stop(number, _frame):
        received.append(number)
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)  # a second Ctrl-C must not cut the clean-up short
        sys.stderr.write("\nstopped; the same command continues from here\n")
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except SystemExit:
        if received:  # Ray replaces the exit code by its own
            raise SystemExit(128 + received[0]) from None
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
