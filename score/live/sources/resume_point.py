"""Where another process that takes a camera over begins with its recordings."""

from __future__ import annotations

from typing import NamedTuple


class ResumePoint(NamedTuple):
    """after: the name in a folder after which to begin, "" for all of it.

    first_number, first_seconds: those of the first frame that is read then, among the camera's; what is known
    already is read again. None: it goes on like a camera, and nothing is read again.
    """

    after: str = ""
    first_number: int | None = None
    first_seconds: float = 0.0
