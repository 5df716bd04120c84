"""`--set clip_length=48`: fields of a preset changed from the command line, checked all at once."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable

import yaml
from pydantic import TypeAdapter, ValidationError

from extract.presets import Preset

FIXED = ("name", "summary", "sources", "backbone", "descriptor", "modality", "feature_dim")


def overridden(preset: Preset, assignments: Iterable[str]) -> Preset:
    """The preset with `field=value` and `part.field=value` applied; values are read as YAML.

    Raises ValueError with every mistake, one a line, unknown names with the nearest known one.
    """
    values = dataclasses.asdict(preset)
    problems = []
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals:
            problems.append(f"--set {assignment}: expected field=value")
            continue
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            problems.append(f"--set {assignment}: {text!r} is no YAML value")
            continue
        if problem := _assign(values, path.split("."), value):
            problems.append(f"--set {assignment}: {problem}")
    if problems:
        raise ValueError("\n".join(problems))
    try:
        changed = TypeAdapter(Preset).validate_python(values)
    except ValidationError as error:
        lines = [f"--set {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise ValueError("\n".join(lines)) from None
    if changed.descriptor and changed.frame_stride != 1:
        raise ValueError(
            f"--set frame_stride={changed.frame_stride}: the descriptor {changed.descriptor} sees every frame"
        )
    changed.spec()  # checks ranges
    return changed


def _assign(values: dict, path: list[str], value) -> str | None:
    for name in path[:-1]:
        if not isinstance(values.get(name), dict):
            return f"{name} has no fields in this preset{_nearest(name, values)}"
        values = values[name]
    name = path[-1]
    if name not in values or name in FIXED:
        return f"unknown or fixed field {name!r}{_nearest(name, values)}"
    values[name] = value
    return None


def _nearest(name: str, values: dict) -> str:
    near = difflib.get_close_matches(name, [each for each in values if each not in FIXED], n=1)
    return (
        f"; did you mean {near[0]!r}?"
        if near
        else f"; known: {', '.join(each for each in values if each not in FIXED)}"
    )
