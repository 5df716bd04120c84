"""The settings of a run, in the sections `head`, `data`, `fusion` and `train`.

They come from a preset, a YAML file and --set.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.text_files import read_yaml
from extract.runtime.overrides import Override
from extract.runtime.text import unknown
from score.config.data_config import DataConfig
from score.config.train_config import TrainConfig
from score.heads import HEADS
from score.heads.fusion import FusionConfig

LONGEST_VALUE = 80  # characters of a value in a message
SECTIONS = ("head", "data", "fusion", "train")


class ConfigError(ValueError):
    """Settings that cannot be used. `problems` holds every mistake; str() shows them one per line."""

    def __init__(self, problems: Iterable[str]):
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True)
class RunConfig:
    """The settings of a run, without its data and seed.

    name: of the head. head: its own config, of the class HEADS[name].config_class.
    """

    name: str
    head: Any
    data: DataConfig = field(default_factory=DataConfig)
    fusion: FusionConfig = field(default_factory=FusionConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    def to_dict(self) -> dict:
        """Plain values, as in config.yaml: {"head": {"name": ..., ...}, "data": {...}, ...}."""
        sections = {section: dataclasses.asdict(getattr(self, section)) for section in SECTIONS}
        return _plain({**sections, "head": {"name": self.name, **sections["head"]}})

    @classmethod
    def from_dict(cls, values: Mapping) -> RunConfig:
        """Check plain values. Raises ConfigError with every mistake and near names for unknown ones."""
        return _build(values)

    def to_yaml(self) -> str:
        return yaml.safe_dump(self.to_dict(), sort_keys=False)


def resolve(base: RunConfig, *, file: Path | str | None = None, overrides: Iterable[str] = ()) -> RunConfig:
    """A config with values replaced by those of a YAML file and then by "a.b=c" overrides.

    Raises ConfigError with every mistake.
    """
    problems: list[str] = []
    values = base.to_dict()
    layers = []
    if file is not None:
        layers.append((str(file), _read_yaml(file, problems)))
    layers += [(f"--set {text}", _override(text, problems)) for text in overrides]
    for source, layer in layers:
        head = layer.get("head")
        named = head.get("name", base.name) if isinstance(head, dict) else base.name
        if named != base.name:
            problems.append(f"{source}: head.name is {named!r}, but the head of this run is {base.name!r}")
            continue
        _merge(values, layer, source=source, problems=problems)
    try:
        resolved = _build(values)
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError(problems)
    return resolved


def _build(values: Mapping) -> RunConfig:
    problems = [unknown(str(name), SECTIONS, kind="section") for name in values if name not in SECTIONS]
    head = values.get("head", {})
    name = head.get("name") if isinstance(head, Mapping) else None
    if name not in HEADS:
        raise ConfigError([*problems, unknown(str(name), HEADS, kind="head")])
    classes = {
        "head": HEADS[name].config_class,
        "data": DataConfig,
        "fusion": FusionConfig,
        "train": TrainConfig,
    }
    built = {}
    for section, cls in classes.items():
        given = values.get(section, {})
        if section == "head":
            given = {key: value for key, value in head.items() if key != "name"}
        try:
            built[section] = TypeAdapter(cls).validate_python(given)
        except ValidationError as error:
            problems += [_explain(detail, section=section, cls=cls) for detail in error.errors()]
    if "train" in built:
        players = HEADS[name].players
        problems += [
            unknown(player, players, kind="player of train.optimizer.player_lr")
            for player in built["train"].optimizer.player_lr
            if player not in players
        ]
    if "data" in built and built["data"].exchange and HEADS[name].arrays:
        problems.append(
            f"data.exchange is {built['data'].exchange:g}, but the head {name} trains on clips, which swap "
            "no backgrounds; use data.exchange=0"
        )
    if "data" in built and built["data"].feature_dropout and HEADS[name].arrays:
        problems.append(
            f"data.feature_dropout is {built['data'].feature_dropout:g}, but the head {name} trains on "
            "clips, which have no features; use data.feature_dropout=0"
        )
    if "fusion" in built and built["fusion"] != FusionConfig() and HEADS[name].arrays:
        problems.append(
            f"the section fusion is for heads on features, but {name} trains on clips; leave it out"
        )
    if problems:
        raise ConfigError(problems)
    return RunConfig(name=name, **built)


def _explain(detail: ErrorDetails, *, section: str, cls: type) -> str:
    path = [str(part) for part in detail["loc"]]
    where = ".".join([section, *path])
    if detail["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return unknown(
            where,
            [".".join([section, *path[:-1], known]) for known in _names_at(cls, path[:-1])],
            kind="setting",
        )
    if detail["type"] in ("dataclass_type", "dataclass_exact_type"):
        return f"{where} is {_shown(detail['input'])}, expected a section with names and values"
    reason = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "value_error":
        return f"{where}: {reason}"
    return f"{where} is {_shown(detail['input'])}: {reason}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."


def _names_at(cls: type, path: list[str]) -> list[str]:
    """Field names of the nested config at a path."""
    for name in path:
        cls = get_type_hints(cls)[name]
    return [each.name for each in dataclasses.fields(cls)]


def _read_yaml(file: Path | str, problems: list[str]) -> dict:
    try:
        values = read_yaml(file)
    except ForeignFileError as error:
        problems.append(str(error))
        return {}
    if values is None:
        return {}
    if not isinstance(values, dict):
        problems.append(f"{file} holds {type(values).__name__}, expected the sections {', '.join(SECTIONS)}")
        return {}
    return values


def _override(text: str, problems: list[str]) -> dict:
    try:
        form = "section.name=value, for example train.epochs=20"
        return Override.parse(text, form=form, least=2).nested()
    except ValueError as error:
        problems.append(str(error))
        return {}


def _merge(values: dict, layer: Mapping, *, source: str, problems: list[str]) -> None:
    for name, value in layer.items():
        old = values.get(name)
        if isinstance(old, dict) and isinstance(value, Mapping):
            _merge(old, value, source=source, problems=problems)
        elif isinstance(old, dict) and old:
            problems.append(f"{source}: {name} is {value!r}, expected a section with names and values")
        else:
            values[name] = value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value
