"""What must be the same for a run to resume, and the message if it is not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from extract.runtime.text import listed
from extract.store import FeatureSpec
from extract.store.spec import with_present_preset
from extract.store.texts import ClassTexts
from score.config.run_config import RunConfig
from score.runs.checkpoint_error import CheckpointError

SHOWN = 8  # settings that the message names; the rest is counted


def identity_of(
    config: RunConfig,
    lists: dict[str, dict],
    specs: Sequence[FeatureSpec],
    source: str | None = None,
    texts: ClassTexts | None = None,
) -> dict:
    """What must be the same for a run to resume: plain values that a checkpoint can hold.

    source: the digest of the checkpoint that training starts from. texts: known by their digest.
    """
    return {
        "config": config.to_dict(),
        "lists": {name: part.get("digest", "") for name, part in lists.items()},
        "stores": [json.loads(spec.to_json()) for spec in specs],
        "source": source,
        **({} if texts is None else {"texts": texts.digest}),
    }


def completed(config: Any) -> Any:
    """The values of a config with the defaults of settings that are newer than it; others as they are."""
    try:
        return RunConfig.from_dict(config).to_dict()
    except (ValueError, TypeError, AttributeError):
        return config


def check_same(expected: dict, found: dict, folder: Path) -> None:
    """Raise CheckpointError that names the settings in which a run's folder differs from those of now."""
    if "config" in found:
        found = {**found, "config": completed(found["config"])}
    if differing := _differences(found, expected):
        raise CheckpointError(
            f"{folder} was trained with other settings: {listed(differing, shown=SHOWN, separator='; ')}; "
            "choose another --out, or the same settings (--set)"
        )


def check_one_run(first: dict, other: dict, first_folder: Path, folder: Path) -> None:
    """Raise CheckpointError that names the settings in which a seed differs from the first one of its run."""
    if differing := _differences(first, other):
        raise CheckpointError(
            f"{folder} was trained with other settings than {first_folder.name}: "
            f"{listed(differing, shown=SHOWN, separator='; ').replace(', now ', f', in {folder.name} ')}; "
            "seeds of one run differ by their seed alone, so keep others in a folder of their own"
        )


def _differences(found: Any, expected: Any, name: str = "") -> list[str]:
    if isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        found, expected = (
            {str(place): each for place, each in enumerate(values)} for values in (found, expected)
        )
    if isinstance(found, dict) and isinstance(expected, dict):
        found = with_present_preset(found)
        keys = sorted(set(found) | set(expected))
        return [
            line
            for key in keys
            for line in _differences(found.get(key), expected.get(key), f"{name}.{key}".lstrip("."))
        ]
    return [] if found == expected else [f"{name.removeprefix('config.')} was {found!r}, now {expected!r}"]
