"""Lists and counts in user-facing messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence, Sized

SHOWN = 5


def listed(names: Sequence[str], *, shown: int = SHOWN, separator: str = ", ") -> str:
    """The first names and how many follow: "a, b and 3 more"."""
    more = len(names) - shown
    return separator.join(names[:shown]) + (f" and {more} more" if more > 0 else "")


def counted(things: Sized | int, name: str) -> str:
    """A number and its noun: "1 video", "2 videos", "2 classes"."""
    number = things if isinstance(things, int) else len(things)
    if number == 1:
        return f"1 {name}"
    return f"{number} {name}{'es' if name.endswith(('s', 'x', 'ch', 'sh')) else 's'}"


def unknown(name: str, known: Iterable[str], *, kind: str) -> str:
    """One line about a name that does not exist: the nearest one that does, and all of them."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"unknown {kind} {name!r}; {hint}known: {', '.join(known)}"
