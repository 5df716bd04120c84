"""Patterns of names, such as `{id}_i3d.npy`, `{id}/feat.npy` or `{id}_crop{crop}.npy`."""

from __future__ import annotations

import re

PLACES = {"id": r"(?P<id>.+)", "crop": r"(?P<crop>[0-9]{1,6})"}


class NamePattern:
    """Where a video's id stands in a path: {id}, optionally {crop}, its number; * is any text in a folder.

    A place that appears twice stands for the same text. Raises ValueError for other text in braces and
    without {id}.
    """

    def __init__(self, text: str, *, option: str = "--pattern"):
        expected = f"{option} {text}: expected a pattern with {{id}} in it, such as {{id}}_i3d.npy"
        regex, seen = "", set()
        for part in re.split(r"(\{[^{}]*\}|\*)", text):
            place = part[1:-1] if part.startswith("{") and part.endswith("}") else None
            if place is None:
                regex += "[^/]*" if part == "*" else re.escape(part)
            elif place not in PLACES:
                raise ValueError(f"{expected}; {part} is not known, only {{id}}, {{crop}} and *")
            else:
                regex += f"(?P={place})" if place in seen else PLACES[place]
                seen.add(place)
        if "id" not in seen:
            raise ValueError(expected)
        self.text, self._regex = text, re.compile(regex, re.DOTALL)

    def split(self, path: str) -> tuple[str, int | None] | None:
        """(id, number of the crop or None) in a path; None if the pattern does not fit."""
        found = self._regex.fullmatch(path)
        if found is None:
            return None
        crop = found.groupdict().get("crop")
        return found["id"], None if crop is None else int(crop)
