"""The commands that make, or import, features like those that were matched."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from extract.importing.layouts import LAYOUTS
from extract.matching.foreign_rows import ForeignFeatures
from extract.matching.networks.crop_views import CENTRE, layout_called
from extract.matching.row_rules import Explained
from extract.matching.timings import fixed_count
from extract.matching.trial import Trial
from extract.presets import NUM_CROPS, Preset

# Parts of a preset whose fields are set one by one.
PARTS = ("resize", "crop", "scaling")
FIELDS = {each.name for each in dataclasses.fields(Preset)}
# Fields that say nothing where they have this value.
OPTIONAL = {"clip_start": 0, "sampling": "stride"}


@dataclass(frozen=True)
class FittingRun:
    """A `run` command. beyond: what was done to the features that it does not do."""

    preset: str
    command: str
    beyond: tuple[str, ...]


def fitting_run(
    trial: Trial, presets: Sequence[Preset], *, num_crops: int, weights: str, videos: Path
) -> FittingRun:
    """The preset with the fewest changes, and the whole command."""
    values, beyond = _values(trial, num_crops)
    changes = {preset.name: _changes(preset, values) for preset in presets}
    name = min(changes, key=lambda each: len(changes[each]))
    words = ["vad-extract", "run", "--preset", name]
    for field, value in changes[name]:
        words += ["--set", f"{field}={_yaml(value)}"]
    if weights and weights != next(preset.weights for preset in presets if preset.name == name):
        words += ["--weights", weights]
    words += ["--videos", str(videos), "--store", "STORE"]
    return FittingRun(name, shlex.join(words), tuple(beyond))


def fitting_import(features: ForeignFeatures, rules: Sequence[Explained], backbone: str | None) -> str:
    """The command that imports the features with the frames that their rows cover."""
    layout = features.guess.layout
    words = ["vad-extract", "import", "--layout", layout, "--features", str(features.source)]
    if features.guess.pattern is not None:
        words += ["--pattern", features.guess.pattern]
    if features.axes != "NCD":
        words += ["--axes", features.axes]
    if features.dataset is not None:
        words += ["--dataset", features.dataset]
    convention = LAYOUTS[layout].convention
    if (rows := fixed_count(rules)) is not None:
        wanted = "sultani" if rows == 32 and layout == "sultani" else "even"
    elif rules and (rules[0].rule.fps is not None or rules[0].rule.tail == "more"):
        wanted = "even"  # rows begin at times, which import does not know
    elif rules:
        wanted, rule = "clips", rules[0].rule
        if rule.length != 16:
            words += ["--clip-length", str(rule.length)]
        if rule.stride != rule.length:
            words += ["--stride", str(rule.stride)]
    else:
        wanted = convention
    if wanted != convention:
        words += ["--convention", wanted]
    if backbone is not None:
        words += ["--backbone", backbone]
    return shlex.join([*words, "--list", "LIST", "--store", "STORE"])


def _values(trial: Trial, num_crops: int) -> tuple[dict[str, object], list[str]]:
    """(fields of a preset as the trial needs them, what no field says)."""
    timing, beyond = trial.timing, []
    values: dict[str, object] = {"segment_stride": timing.rule.stride, "fps": timing.rule.fps}
    if timing.fixed is not None:
        beyond.append(f"videos are brought to {timing.rule.fixed} rows ({timing.fixed})")
    elif timing.rule.tail in ("pad", "drop"):
        values["tail"] = timing.rule.tail
    else:
        beyond.append(f"rows at the end of a video: {timing.rule.words()}")
    fields = None if timing.choice.fields is None else dict(timing.choice.fields)
    if fields is None or any(fields[name] != usual for name, usual in OPTIONAL.items() if name not in FIELDS):
        beyond.append(f"a row is {timing.choice.name}")
    else:
        values |= {name: value for name, value in fields.items() if name.partition(".")[0] in FIELDS}
    if trial.pixels is not None:
        values |= {"resize": trial.pixels.resize, "crop.size": trial.pixels.crop_size}
        values |= {"scaling": trial.pixels.scaling}
        if trial.pixels.bgr:
            beyond.append("the channels were in the order blue, green, red")
        layout = "center"
        if trial.crops:
            layout = layout_called(trial.crops) or next(
                (each for each, count in NUM_CROPS.items() if count == num_crops), layout
            )
            if layout_called(trial.crops) is None:
                beyond.append(f"the crops are {', '.join(trial.crops)}")
        values["crop.layout"] = layout
        if trial.view != CENTRE:
            beyond.append(f"a row is {trial.view}")
    afterwards = trial.agreement.words()
    if afterwards != "as the network gives them":
        beyond.append(f"afterwards: {afterwards}")
    return values, beyond


def _changes(preset: Preset, values: dict[str, object]) -> list[tuple[str, object]]:
    """(field, value) where a preset differs from the values."""
    changes: list[tuple[str, object]] = []
    for name, value in values.items():
        part, _, field = name.partition(".")
        held = getattr(preset, part)
        if field:
            if held is not None and getattr(held, field) != value:
                changes.append((name, value))
        elif part in PARTS and held is not None and value is not None:
            changes += [
                (f"{part}.{each.name}", getattr(value, each.name))
                for each in dataclasses.fields(held)
                if getattr(held, each.name) != getattr(value, each.name)
            ]
        elif held != value:
            changes.append((name, value))
    return changes


def _yaml(value: object) -> str:
    return json.dumps(dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value)  # pyright: ignore[reportArgumentType] # never a class
