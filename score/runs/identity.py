"""What must be the same for a run to go on, and what is said when it is not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from extract.store import FeatureSpec
from score.config.run import RunConfig
from score.runs.checkpoint import CheckpointError


def identity_of(config: RunConfig, lists: dict[str, dict], specs: Sequence[FeatureSpec]) -> dict:
    """What must be the same for a run to go on."""
    return {
        "config": config.to_dict(),
        "lists": {name: part["digest"] for name, part in lists.items()},
        "stores": [json.loads(spec.to_json()) for spec in specs],
    }


def check_same(wanted: dict, found: dict, folder: Path) -> None:
    """Raise CheckpointError naming what a run's folder was made with that is not as asked for now."""
    if differing := _differences(found, wanted):
        raise CheckpointError(
            f"{folder} was trained with other settings: {'; '.join(differing[:8])}; "
            "choose another --out, or the same settings"
        )


def _differences(found: Any, wanted: Any, name: str = "") -> list[str]:
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        found, wanted = (
            {str(place): each for place, each in enumerate(values)} for values in (found, wanted)
        )
    if isinstance(found, dict) and isinstance(wanted, dict):
        keys = sorted(set(found) | set(wanted))
        return [
            line
            for key in keys
            for line in _differences(found.get(key), wanted.get(key), f"{name}.{key}".lstrip("."))
        ]
    return [] if found == wanted else [f"{name.removeprefix('config.')} was {found!r}, now {wanted!r}"]
