"""The text matrix of a preset: prompts through the text tower, one vector per class."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from extract.backbones import BACKBONES
from extract.backbones.clip_text import TEXT_TOWERS, ClipText
from extract.language.tokens import tokenize
from extract.presets import Preset
from extract.store.texts import ClassTexts
from extract.weights.dialects import fit, read_state
from extract.weights.load import state_digest, weights_file
from extract.weights.untrained import fill_random

BATCH = 64  # texts at a time


def class_texts(
    preset: Preset,
    classes: tuple[str, ...],
    prompts: tuple[tuple[str, ...], ...],
    *,
    weights: str | Path | None = None,
    seed: int = 0,
) -> ClassTexts:
    """The vectors of classes and how they were made. weights: as for extraction; the preset's if not given.

    Raises ValueError for a preset whose network reads no texts, and what tokens and weights raise.
    """
    if preset.backbone not in TEXT_TOWERS:
        raise ValueError(
            f"the network of {preset.name} reads no texts, expected one of {', '.join(TEXT_TOWERS)}"
        )
    tower = TEXT_TOWERS[preset.backbone]().eval()
    tokens = tokenize([each for texts in prompts for each in texts], tower.tokens)
    text_weights, image_weights = _load(tower, preset.backbone, str(weights or preset.weights), seed)
    vectors = encode(tower, tokens)
    rows, start = [], 0
    for texts in prompts:
        rows.append(mean_text(vectors[start : start + len(texts)]))
        start += len(texts)
    return ClassTexts(classes, torch.stack(rows).numpy(), prompts, preset.name, text_weights, image_weights)


@torch.inference_mode()
def encode(tower: ClipText, tokens: Tensor) -> Tensor:
    """int64 [n, tokens] -> float32 [n, D], not normalised."""
    return torch.cat([tower(part) for part in tokens.split(BATCH)]).clone()


def mean_text(vectors: Tensor) -> Tensor:
    """[n, D] of one class -> [D]: the direction of the mean of their directions, with their mean length.

    So one prompt gives its own vector, and several give what CLIP's authors use for zero-shot classification
    before they normalise it (notebooks/Prompt_Engineering_for_ImageNet of openai/CLIP).
    """
    if len(vectors) == 1:
        return vectors[0]
    lengths = vectors.norm(dim=1, keepdim=True)
    mean = (vectors / lengths).mean(dim=0)
    return mean / mean.norm() * lengths.mean()


def _load(tower: ClipText, backbone: str, choice: str, seed: int) -> tuple[str, str]:
    """Fill the text tower; the digests of both towers of its file."""
    if choice == "none":
        fill_random(tower, seed)
        return f"none:seed{seed}", f"none:seed{seed}"
    path = weights_file(choice, backbone=backbone)
    state, image = read_state(path), BACKBONES[backbone]()
    for each in (tower, image):
        fit(each, state, origin=str(path))
    return state_digest(tower), state_digest(image)
