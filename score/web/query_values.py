"""What stands behind the question mark of an address: known names, each once, each of its kind."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timezone

from starlette.requests import Request


class QueryError(ValueError):
    """A request asks for something impossible; the text is one line."""


def query_of(request: Request, known: Collection[str]) -> dict[str, str]:
    """The parameters of a request. Raises QueryError for unknown ones and for one that is given twice."""
    given = request.query_params.multi_items()
    names = [name for name, _ in given]
    for name in names:
        if name not in known:
            expected = f"known: {', '.join(known)}" if known else "this takes none"
            raise QueryError(f"there is no parameter {name[:80]!r}; {expected}")
        if names.count(name) > 1:
            raise QueryError(f"the parameter {name} is given twice")
    return dict(given)


def number_of(text: str, name: str, *, lowest: float, highest: float) -> float:
    """A number in [lowest, highest]. Raises QueryError."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not lowest <= value <= highest:
        raise QueryError(f"{name} is {text[:80]!r}, expected a number from {lowest:g} to {highest:g}")
    return value


def time_of(text: str, name: str) -> float:
    """Unix time from seconds, or from a date and time of ISO 8601; without a zone it is UTC.

    Raises QueryError.
    """
    try:
        return number_of(text, name, lowest=0, highest=1e12)
    except QueryError:
        pass
    try:
        # In an address a plus sign means a space.
        moment = datetime.fromisoformat(text.strip().replace(" ", "+").replace("Z", "+00:00"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError):
        raise QueryError(
            f"{name} is {text[:80]!r}, expected seconds since 1970 or a time such as 2026-01-31T22:15:00Z"
        ) from None
