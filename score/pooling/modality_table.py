"""Which columns of the joined features belong to which store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar, cast

from extract.runtime.text import unknown
from extract.store import FeatureSpec
from score.pooling.rules import Changes, SegmentsConfig

Value = TypeVar("Value")


@dataclass(frozen=True)
class Part:
    """The columns of one store.

    name: its preset, "PRESET#2" for the second store of one preset. modality: under which the features are
    joined. columns: [start, stop) among those of the modality, features and frame differences apart.
    """

    name: str
    modality: str
    columns: tuple[tuple[int, int], ...]

    @property
    def width(self) -> int:
        """How many columns it has."""
        return sum(stop - start for start, stop in self.columns)


class Named(NamedTuple):
    """A store with its name in settings."""

    name: str
    modality: str
    changes: Changes


def parts_named(specs: Sequence[FeatureSpec], segments: SegmentsConfig) -> list[Named]:
    """The stores with their names and frame differences."""
    found: list[Named] = []
    for spec in specs:
        before = sum(each.preset == spec.preset for each in specs[: len(found)])
        name = f"{spec.preset}#{before + 1}" if before else spec.preset
        changes = value_of(segments.changes, name, spec.modality, otherwise="none")
        found.append(Named(name, spec.modality, cast(Changes, changes)))
    return found


def modality_table(specs: Sequence[FeatureSpec], segments: SegmentsConfig) -> tuple[Part, ...]:
    """A row per store, in the order of the stores.

    The columns of a modality are the features of its stores, one after another, then their frame differences.
    """
    named = parts_named(specs, segments)
    columns: list[list[tuple[int, int]]] = [[] for _ in named]
    width: dict[str, int] = {}
    for kinds in (("none", "add"), ("add", "only")):
        for own, each, spec in zip(columns, named, specs, strict=True):
            if each.changes in kinds:
                start = width.get(each.modality, 0)
                width[each.modality] = start + spec.feature_dim
                own.append((start, start + spec.feature_dim))
    return tuple(Part(each.name, each.modality, tuple(own)) for each, own in zip(named, columns, strict=True))


def value_of(setting: Value | Mapping[str, Value], name: str, modality: str, *, otherwise: Value) -> Value:
    """The value of a setting for one store: one for all, or by the store's name or its modality."""
    if not isinstance(setting, Mapping):
        return setting
    return setting.get(name, setting.get(modality, otherwise))


def unknown_parts(table: Sequence[Part], **settings: object) -> list[str]:
    """One line for each name in a setting by store that is no store or modality of the table.

    settings: dotted name, with "__" for the dots -> value.
    """
    known = [each for part in table for each in (part.name, part.modality)]
    return [
        unknown(str(name), dict.fromkeys(known), kind=f"store of {setting.replace('__', '.')}")
        for setting, value in settings.items()
        if isinstance(value, Mapping)
        for name in value
        if name not in known
    ]
