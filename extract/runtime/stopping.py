"""Ctrl-C and SIGTERM that end a program through its clean-up."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator

AGAIN_SECONDS = 0.01


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Inside, Ctrl-C and SIGTERM raise SystemExit with the exit code that shells expect, 128 + the signal."""
    received: list[int] = []

    def stop(number, _frame):
        if not received:
            sys.stderr.write("\nstopped; the same command continues from here\n")
        received.append(number)
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)  # a second Ctrl-C must not cut the clean-up short
        raise SystemExit(128 + received[0])

    def dropped(unraisable):
        # Python drops what is raised in a destructor or in the callback of a weak reference, and a signal may
        # find the program there: raise it again a moment later.
        if received and isinstance(unraisable.exc_value, SystemExit):
            signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
        else:
            report_dropped(unraisable)

    watched = {signal.SIGINT: stop, signal.SIGTERM: stop, signal.SIGALRM: stop}
    before = {number: signal.signal(number, handler) for number, handler in watched.items()}
    report_dropped, sys.unraisablehook = sys.unraisablehook, dropped
    try:
        yield
    except SystemExit:
        if not received:
            raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = report_dropped
        for number, handler in before.items():
            signal.signal(number, handler)
    # Also where the work was done before the exception came, and where Ray gave a code of its own.
    if received:
        raise SystemExit(128 + received[0])
