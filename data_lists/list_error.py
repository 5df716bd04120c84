"""The exception for invalid lists, which reports all mistakes at once."""

from __future__ import annotations

from collections.abc import Iterable


class ListError(ValueError):
    """Lists that cannot be used. `problems` holds every mistake found; str() shows one per line."""

    def __init__(self, problems: Iterable[str]):
        self.problems = list(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)
