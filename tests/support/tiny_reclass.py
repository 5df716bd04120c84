"""The head reclass with a few channels, and bags of the clips that it reads."""

import numpy as np
import torch

from score.bags.bags import Bags, BagSpec
from score.config.presets import preset_of
from score.config.run_config import resolve
from score.runs.checkpoint import build_head
from support.tiny_clips import clip_arrays
from support.tiny_trainings import training_on

TINY = (
    "head.frames=3",
    "head.width=4",
    "head.judge_width=4",
    "head.latent=4",
    "head.graph_width=8",
    "head.code=6",
    "train.epochs=2",
    "train.steps_per_epoch=2",
    "train.batch=4",
)


def clip_bags(lengths=(2, 1, 3), *, people=3, flow=True, label=None) -> Bags:
    """Bags of clips. Padding holds pixels that no clip has, so that a head that reads them fails."""
    longest = max(lengths)
    parts = [clip_arrays(longest, seed=seed, people=people, flow=flow) for seed in range(len(lengths))]
    arrays = {name: torch.from_numpy(np.stack([part[name] for part in parts])) for name in parts[0]}
    mask = torch.arange(longest) < torch.tensor(lengths)[:, None]
    arrays["rgb"][~mask] = 255
    label = torch.zeros(len(lengths)) if label is None else torch.tensor(label)
    return Bags({}, mask, label, label.long(), torch.arange(len(lengths)), arrays)


def clip_bag_spec(*, flow=True) -> BagSpec:
    shapes = {name: tuple(rows.shape[1:]) for name, rows in clip_arrays(1, flow=flow).items()}
    return BagSpec({}, ("Normal",), (4,), shapes)


def build_tiny(*overrides, flow=True):
    """The head with fresh weights of one seed, on clips with or without flow."""
    torch.manual_seed(0)
    return build_head(resolve(preset_of("reclass"), overrides=(*TINY, *overrides)), clip_bag_spec(flow=flow))


def training_on_clips(batches, *overrides):
    """A training of the small head whose every epoch takes these batches."""
    return training_on(
        batches, "reclass", *TINY, f"train.steps_per_epoch={len(batches)}", *overrides, spec=clip_bag_spec()
    )
