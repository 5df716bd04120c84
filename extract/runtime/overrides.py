"""The value of `--set`: a dotted path to a field, and what it becomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True)
class Override:
    """path: names from the outermost section to the field. value: as YAML reads it."""

    text: str
    path: tuple[str, ...]
    value: Any

    @classmethod
    def parse(cls, text: str, *, form: str, least: int = 1) -> Override:
        """Read "a.b=value". form: what messages expect. least: how many names the path needs.

        Raises ValueError with one line that names the option.
        """
        # Only the first "=" separates, so that a value may hold others.
        path, equals, value = text.partition("=")
        names = tuple(path.strip().split("."))
        if not equals or not all(names) or len(names) < least:
            raise ValueError(f"--set {text}: expected {form}")
        try:
            return cls(text, names, yaml.safe_load(value))
        except yaml.YAMLError:
            raise ValueError(f"--set {text}: {value!r} is not a YAML value") from None

    def nested(self) -> dict[str, Any]:
        """The value inside a dictionary for each name of its path."""
        nested = self.value
        for name in reversed(self.path):
            nested = {name: nested}
        return nested
