"""The settings of a run: three sections, `head`, `data` and `train`, from a preset, a YAML file and --set."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from extract.runtime.overrides import Override
from extract.runtime.text import unknown
from score.config.data import DataConfig
from score.config.optimizer import OptimizerConfig
from score.heads import HEADS
from score.settings import Count, DropoutRate, Share, settings

SECTIONS = ("head", "data", "train")


class ConfigError(ValueError):
    """Settings that cannot be used. `problems` holds every mistake, str() shows them one a line."""

    def __init__(self, problems: Iterable[str]):
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


@settings
class TrainConfig:
    """The loop.

    epochs: at most. steps_per_epoch: batches an epoch, None = so many that every video comes up.
    batch: videos a batch; anomalous_share: of them, 0.5 is 1:1 and 0.4 is 40:60, None = as they come.
    accumulate: batches whose gradients make one step of the optimizer, for batches that memory cannot hold.
    precision: "bfloat16" runs the head under autocast; losses, weights and scoring stay float32. It can
    help large heads on a GPU.
    average: decay of a running average of the weights, which is then what is judged and kept; 0 = none.
    validation_share: of the training videos, by video and group; ignored when --val gives a list.
    validation_seed: which ones; the same for every seed of a run, so that its seeds differ by training alone.
    select: "best" keeps the epoch with the best video AUC on validation (its loss decides between equals),
    "last" the last one. patience: stop after so many epochs without a better one, 0 = never.
    """

    epochs: Count = 30
    steps_per_epoch: Count | None = None
    batch: Count = 60
    anomalous_share: Share | None = 0.5
    accumulate: Count = 1
    precision: Literal["float32", "bfloat16"] = "float32"
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    average: DropoutRate = 0.0
    validation_share: Annotated[float, Field(ge=0, le=0.5)] = 0.2
    validation_seed: Annotated[int, Field(ge=0)] = 0
    select: Literal["best", "last"] = "best"
    patience: Annotated[int, Field(ge=0)] = 0

    def __post_init__(self):
        if self.batch == 1 and self.anomalous_share is not None and 0 < self.anomalous_share < 1:
            raise ValueError(
                "a batch of 1 cannot hold both classes; take anomalous_share=null, or a larger batch"
            )


@dataclass(frozen=True)
class RunConfig:
    """Everything but the data and the seed: the name of a head, its own config, and the two common sections."""

    name: str
    head: Any
    data: DataConfig = field(default_factory=DataConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    def to_dict(self) -> dict:
        """Plain values, as in config.yaml: {"head": {"name": ..., ...}, "data": {...}, "train": {...}}."""
        sections = {section: dataclasses.asdict(getattr(self, section)) for section in SECTIONS}
        return _plain({**sections, "head": {"name": self.name, **sections["head"]}})

    @classmethod
    def from_dict(cls, values: Mapping) -> RunConfig:
        """Check plain values. Raises ConfigError with every mistake, unknown names with the nearest known one."""
        return _build(values)

    def to_yaml(self) -> str:
        return yaml.safe_dump(self.to_dict(), sort_keys=False)


def resolve(
    base: RunConfig, *, file: Path | str | None = None, overrides: Iterable[str] = (), preset: str = ""
) -> RunConfig:
    """A preset with the values of a YAML file and then of "a.b=c" overrides. Raises ConfigError with every mistake."""
    problems: list[str] = []
    values = base.to_dict()
    layers = []
    if file is not None:
        layers.append((str(file), _read_yaml(file, problems)))
    layers += [(f"--set {text}", _override(text, problems)) for text in overrides]
    for source, layer in layers:
        named = (
            layer.get("head", {}).get("name", base.name)
            if isinstance(layer.get("head", {}), dict)
            else base.name
        )
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
    classes = {"head": HEADS[name].config_class, "data": DataConfig, "train": TrainConfig}
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
            f"data.exchange is {built['data'].exchange:g}, but the head {name} looks at clips, which exchange no scenes; "
            "take data.exchange=0"
        )
    if problems:
        raise ConfigError(problems)
    return RunConfig(name=name, **built)


def _explain(detail: dict, *, section: str, cls: type) -> str:
    path = [str(part) for part in detail["loc"]]
    where = ".".join([section, *path])
    if detail["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return unknown(
            where,
            [".".join([section, *path[:-1], known]) for known in _names_at(cls, path[:-1])],
            kind="setting",
        )
    if detail["type"] in ("dataclass_type", "dataclass_exact_type"):
        return f"{where} is {detail['input']!r}, expected a section with names and values"
    reason = detail["msg"].removeprefix("Value error, ")
    return (
        f"{where} is {detail['input']!r}: {reason}"
        if detail["type"] != "value_error"
        else f"{where}: {reason}"
    )


def _names_at(cls: type, path: list[str]) -> list[str]:
    """Field names of the nested config at a path."""
    for name in path:
        cls = get_type_hints(cls)[name]
    return [each.name for each in dataclasses.fields(cls)]


def _read_yaml(file: Path | str, problems: list[str]) -> dict:
    try:
        values = yaml.safe_load(Path(file).read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        problems.append(f"{file} cannot be read as YAML: {' '.join(str(error).split())}")
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
