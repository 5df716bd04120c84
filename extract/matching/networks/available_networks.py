"""Which networks can be computed: those whose weights are given or known on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from extract.backbones import BACKBONES
from extract.backbones.backbone import Backbone
from extract.inference.network import Network
from extract.presets import Preset
from extract.runtime.device import choose_device
from extract.weights import WeightsError, load_weights
from extract.weights.files import locate
from extract.weights.known import known_weights

BATCH_OF_CLIPS = 4  # Network asks for one; rows are computed in batches of any size here


def usable_weights(preset: Preset, given: Mapping[str, str]) -> str | None:
    """What to load for a preset: what the user gave for it, its backbone or every preset (key ""), or known
    weights that are on this machine; None where there are none.
    """
    for key in (preset.name, str(preset.backbone), ""):
        if key in given:
            return given[key]
    known = known_weights(preset.weights, preset.backbone)
    try:
        return preset.weights if known is not None and locate(known) is not None else None
    except WeightsError:
        return None


@dataclass(frozen=True)
class AvailableNetwork:
    """A backbone with its weights, and the presets that use it. choice: what the weights were loaded from."""

    backbone: str
    presets: tuple[Preset, ...]
    choice: str
    network: Network
    plain: Backbone


def available_networks(
    presets: Sequence[Preset], given: Mapping[str, str], *, seed: int, device: str
) -> tuple[list[AvailableNetwork], dict[str, str]]:
    """(networks that can be computed, preset -> why it cannot), of presets with a backbone."""
    groups: dict[tuple, list[Preset]] = {}
    refused: dict[str, str] = {}
    for preset in presets:
        choice = usable_weights(preset, given)
        if choice is None:
            refused[preset.name] = f"no weights on this machine (--weights {preset.name}=FILE)"
        else:
            groups.setdefault((preset.backbone, preset.flow, choice), []).append(preset)
    found = []
    for (backbone, _, choice), members in groups.items():
        plain = BACKBONES[backbone]()
        try:
            load_weights(plain, choice, name=backbone, seed=seed)
        except (WeightsError, ValueError) as error:
            refused |= {preset.name: str(error) for preset in members}
            continue
        network = Network(plain, device=choose_device(device), batch_size=BATCH_OF_CLIPS)
        found.append(AvailableNetwork(backbone, tuple(members), choice, network, plain))
    return found, refused
