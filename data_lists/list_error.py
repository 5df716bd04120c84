"""The exception for invalid lists, which reports all mistakes at once."""

from __future__ import annotations

from collections.abc import Iterable

from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.printable import printable


class ListError(ValueError):
    """Lists that cannot be used. `problems` holds every mistake found; str() shows one per line."""

    def __init__(self, problems: Iterable[str]):
        # Names of files may hold line breaks, which would look like further mistakes.
        self.problems = [printable(problem) for problem in problems]
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)


def unreadable(what: str, error: ForeignFileError) -> str:
    """A problem: the file of an error as one of `what`, such as "the masks"."""
    reason = error.reason if error.reason.startswith("cannot be ") else f"cannot be read ({error.reason})"
    return f"{error.path}: {what} {reason}"
