"""The one place where lines leave for a terminal, because names come from files and may hold anything.

A name with a line break could forge a line of ours, and one with an escape could colour, erase or rewrite
what is already on the screen.
"""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Iterator
from types import TracebackType

from extract.runtime.foreign.printable import printable

_results_on_stdout = False


@contextlib.contextmanager
def results_on_stdout() -> Iterator[None]:
    """Inside, all lines go to stderr, because a result goes to standard output."""
    global _results_on_stdout
    _results_on_stdout = True
    try:
        yield
    finally:
        _results_on_stdout = False


def say(line: str = "", *, err: bool = False) -> None:
    """Print one line, to stderr with err; what a terminal would act on is shown as an escape."""
    stream = sys.stderr if err or _results_on_stdout else sys.stdout
    text = printable(line) + "\n"
    encoding = getattr(stream, "encoding", None) or "utf-8"
    # Elsewhere than in UTF-8 a name of another script would end the program.
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def say_over(line: str, *, last: bool) -> None:
    """Print to stderr over what the call before printed; `last` ends the line."""
    sys.stderr.write(f"\r{printable(line)}" + ("\n" if last else ""))
    sys.stderr.flush()


def say_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A sys.excepthook whose lines are printable; the texts of errors hold names, too."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    for line in traceback_lines(error.with_traceback(trace)):
        say(line, err=True)


def traceback_lines(error: BaseException) -> list[str]:
    """The printable lines of a traceback, for a log."""
    return [printable(line) for line in "".join(traceback.format_exception(error)).rstrip("\n").split("\n")]
