"""Values of --set for alerts and clips: "alert.minimum_seconds=2", "clip.lead_seconds=3"."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from extract.runtime.overrides import Override
from extract.runtime.text import unknown

T = TypeVar("T")
Range = tuple[float, float]


def check_numbers(settings: Any, ranges: Mapping[str, Range], *, section: str) -> None:
    """Raise ValueError for a field out of its range, by the name of its setting. None passes."""
    for name, (low, high) in ranges.items():
        value = getattr(settings, name)
        if value is None:
            continue
        where = f"{section}.{name} is"
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise ValueError(f"{where} {value!r:.60}, expected a number from {low:g} to {high:g}")
        if not low <= value <= high:
            raise ValueError(f"{where} {value:g}, expected {low:g} to {high:g}")


def with_values(settings: T, values: Mapping[str, Any], *, section: str, where: str = "") -> T:
    """The settings with other values, by the names of their fields.

    where: begins messages. Raises ValueError for unknown names and what the settings refuse.
    """
    known = [each.name for each in dataclasses.fields(settings)]  # pyright: ignore[reportArgumentType]
    for name in values:
        if name not in known:
            raise ValueError(f"{where}{unknown(str(name), known, kind=f'{section} setting')}")
    for name, value in values.items():
        default = getattr(settings, name)
        if value is None and default is not None:
            raise ValueError(f"{where}{section}.{name} has no value")
    try:
        return dataclasses.replace(settings, **values)  # pyright: ignore[reportArgumentType]
    except ValueError as error:
        raise ValueError(f"{where}{error}") from None


def overridden(sections: Mapping[str, Any], texts: Iterable[str]) -> dict[str, Any]:
    """Section -> its settings with the values of --set. Raises ValueError that names the option."""
    changed = dict(sections)
    form = f"SECTION.NAME=VALUE with SECTION {' or '.join(sections)}"
    for text in texts:
        override = Override.parse(text, form=form, least=2)
        section, *names = override.path
        if section not in sections or len(names) != 1:
            raise ValueError(f"--set {text}: expected {form}")
        changed[section] = with_values(
            changed[section], {names[0]: override.value}, section=section, where=f"--set {text}: "
        )
    return changed
