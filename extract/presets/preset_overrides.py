"""`--set clip_length=48`: fields of a preset changed from the command line, checked all at once."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from extract.presets import PRESETS, Preset
from extract.runtime.overrides import Override
from extract.runtime.text import unknown
from extract.store.spec import FeatureSpec

FIXED = ("name", "summary", "sources", "backbone", "descriptor", "modality", "feature_dim")


def overridden(preset: Preset, assignments: Iterable[str]) -> Preset:
    """The preset with `field=value` and `part.field=value` applied; values are read as YAML.

    Raises ValueError with every mistake, one per line, unknown names with the nearest known one.
    """
    values = dataclasses.asdict(preset)
    problems = []
    for assignment in assignments:
        try:
            override = Override.parse(assignment, form="field=value")
        except ValueError as error:
            problems.append(str(error))
            continue
        if problem := _assign(values, override):
            problems.append(f"--set {assignment}: {problem}")
    if problems:
        raise ValueError("\n".join(problems))
    try:
        changed = TypeAdapter(Preset).validate_python(values)
    except ValidationError as error:
        raise ValueError("\n".join(_line(each) for each in error.errors())) from None
    for name, value in (("frame_stride", 1), ("clip_start", 0)):
        if changed.descriptor and getattr(changed, name) != value:
            raise ValueError(
                f"--set {name}={getattr(changed, name)}: the descriptor {changed.descriptor} sees every frame"
            )
    changed.spec()  # checks ranges
    return changed


def _line(error: ErrorDetails) -> str:
    """What is wrong with one field, or with several together, which have no place of their own."""
    place, words = ".".join(map(str, error["loc"])), error["msg"].removeprefix("Value error, ")
    return f"--set {place}: {words}" if place else words


def continuing(spec: FeatureSpec, preset: Preset) -> list[str]:
    """The `field=value` words that make preset write what a store of that spec holds; empty if none do.

    So a store of an earlier version, whose protocol has changed since, can be continued as it began.
    """
    if spec.preset != preset.name:
        return []
    try:
        earlier = Preset.from_spec(spec, PRESETS)
    except ValueError:
        return []
    present, past = dataclasses.asdict(preset), dataclasses.asdict(earlier)
    words = [
        f"{path}={json.dumps(value)}" if not isinstance(value, str) else f"{path}={value}"
        for path, value in _leaves(past)
        if value != dict(_leaves(present)).get(path, value)
    ]
    try:
        changed = overridden(preset, words)
    except ValueError:
        return []
    same = changed.spec(weights=spec.weights, precision=spec.precision) == spec
    return words if same else []


def _leaves(values: dict, prefix: str = "") -> list[tuple[str, object]]:
    leaves = []
    for name, value in values.items():
        if prefix == "" and name in (*FIXED, "weights"):
            continue
        inner = isinstance(value, dict)
        leaves += _leaves(value, f"{prefix}{name}.") if inner else [(f"{prefix}{name}", value)]
    return leaves


def _assign(values: dict, override: Override) -> str | None:
    """Set the value; returns the problem if the path does not lead to a field that can be changed."""
    *parts, name = override.path
    for part in parts:
        if not isinstance(values.get(part), dict):
            sections = [each for each, value in values.items() if isinstance(value, dict)]
            return unknown(part, sections, kind="section of this preset")
        values = values[part]
    if name in FIXED:
        return f"{name} is what makes the preset and cannot be changed"
    if name not in values:
        return unknown(name, [each for each in values if each not in FIXED], kind="field")
    values[name] = override.value
    return None
