"""How a program ends: through its clean-up after Ctrl-C, SIGTERM or a hang-up, and at once when done."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

AGAIN_SECONDS = 0.01
# Programs such as timeout(1) send a signal to a process and then to its group: that is one request.
ONE_REQUEST_SECONDS = 0.3
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
RESUMES = "stopped; the same command continues from here"


@contextlib.contextmanager
def stopped_by_signals(line: str | Callable[[], str] = RESUMES) -> Iterator[None]:
    """Inside, SIGNALS raise SystemExit with the exit code that shells expect, 128 + the signal.

    A hang-up that is ignored, as nohup has it, stays ignored. line: what the user reads then. A second
    request ends the process at once, without any clean-up. A web server that handles signals itself ends as
    it does. Does nothing outside the main thread, which no signal reaches.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    first = 0.0

    def stop(number, _frame):
        nonlocal first
        if number != signal.SIGALRM:
            if received and time.monotonic() - first > ONE_REQUEST_SECONDS:
                os._exit(128 + received[0])
            received.append(number)
            if len(received) > 1:
                return
            first = time.monotonic()
            # Libraries, such as those of a web server, log as an error that they were stopped in the middle.
            logging.disable(logging.CRITICAL)
            _say(line if isinstance(line, str) else line())
        raise SystemExit(128 + received[0])

    def dropped(unraisable):
        # Python drops what is raised in a destructor or in the callback of a weak reference, and a signal may
        # find the program there: raise it again a moment later.
        if received and isinstance(unraisable.exc_value, SystemExit):
            signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
        else:
            report_dropped(unraisable)

    watched = {number: stop for number in (*_heeded(), signal.SIGALRM)}
    before = {number: signal.signal(number, handler) for number, handler in watched.items()}
    report_dropped, sys.unraisablehook = sys.unraisablehook, dropped
    disabled = logging.root.manager.disable
    try:
        yield
    except BaseException:  # what the clean-up raises says nothing new
        if not received:
            raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = report_dropped
        logging.disable(disabled)
        for number, handler in before.items():
            signal.signal(number, handler)
    # Also where the work was done before the exception came, and where Ray gave a code of its own.
    if received:
        raise SystemExit(128 + received[0])


def end_at_once() -> None:
    """From here on a signal ends the process silently: its work is done, and Python is on its way out."""
    for number in _heeded():
        signal.signal(number, lambda received, _frame: os._exit(128 + received))
    # What was stopped in the middle may log that as late as Python removes it.
    logging.disable(logging.CRITICAL)


def _heeded() -> list[signal.Signals]:
    hung_up = signal.getsignal(signal.SIGHUP)
    return [each for each in SIGNALS if each != signal.SIGHUP or hung_up != signal.SIG_IGN]


def leave(code: int) -> None:
    """Call the exit functions, write what is buffered, and end the process.

    Python would take every object apart one by one: with torch, a quarter of the time of its import. Returns,
    so that the process ends as usual, if another thread has work to finish, if somebody traces or profiles
    the program, or if a stream cannot be written.
    """
    busy = any(not each.daemon for each in threading.enumerate() if each is not threading.current_thread())
    if busy or _is_observed():
        return
    try:
        _flush()
        atexit._run_exitfuncs()
        _flush()  # what they wrote
    except (OSError, ValueError):  # nobody reads it: Python says so with a code of its own
        return
    os._exit(code)


def _is_observed() -> bool:
    """Whether somebody traces or profiles the program, who writes at its end."""
    monitoring = getattr(sys, "monitoring", None)  # where cProfile and coverage register from Python 3.12 on
    tools = monitoring is not None and any(monitoring.get_tool(each) for each in range(6))
    return tools or sys.gettrace() is not None or sys.getprofile() is not None


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def _say(line: str) -> None:
    try:
        sys.stderr.write(f"\n{line}\n")
    except RuntimeError:  # the signal came while another line was written
        os.write(2, f"\n{line}\n".encode())
    except (OSError, ValueError):
        pass  # nobody reads it
