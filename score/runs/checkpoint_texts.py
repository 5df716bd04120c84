"""The text matrix in a checkpoint, with the digest by which it is known."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from extract.store.texts import ClassTexts


def texts_to_fields(texts: ClassTexts) -> dict:
    """Plain values and a tensor."""
    return {
        "classes": list(texts.classes),
        "features": torch.from_numpy(texts.features).clone(),
        "prompts": [list(each) for each in texts.prompts],
        "preset": texts.preset,
        "text_weights": texts.text_weights,
        "image_weights": texts.image_weights,
        "digest": texts.digest,
    }


def texts_of_fields(values: Mapping) -> ClassTexts:
    """The inverse. Raises ValueError for values that do not fit each other or their digest."""
    features = values["features"]
    if not isinstance(features, Tensor) or features.dtype != torch.float32:
        raise ValueError("the vectors of its texts are no tensor of float32")
    texts = ClassTexts(
        tuple(values["classes"]),
        features.contiguous().numpy(),
        tuple(map(tuple, values["prompts"])),
        values["preset"],
        values["text_weights"],
        values["image_weights"],
    )
    if texts.digest != values["digest"]:
        raise ValueError(f"its texts have the digest {texts.digest}, expected {values['digest']}")
    return texts
