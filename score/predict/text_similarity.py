"""Texts that somebody asks for: how near each segment's features are to them in CLIP's space.

Nothing is trained for these texts. Cosines of CLIP's pictures and texts lie close together, so that their
course along the video says more than their values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from extract.runtime.foreign.printable import printable
from extract.store import FeatureSpec, VideoFeatures
from extract.store.texts import ClassTexts
from score.predict.extraction import ExtractionSettings, preset_of_spec, weights_of


@dataclass(frozen=True)
class OpenTexts:
    """texts: a row per text, in the space of the features of store number `part`."""

    texts: ClassTexts
    part: int

    def similarity(self, parts: Sequence[VideoFeatures]) -> dict[str, np.ndarray]:
        """Text -> cosine of each segment, averaged over its crops: float64 [N] in [-1, 1]."""
        features = parts[self.part].features
        assert features is not None  # of a preset with a text tower
        cosines = unit(np.asarray(features, np.float64)) @ unit(self.texts.features.astype(np.float64)).T
        mean = cosines.mean(axis=1)  # [N, C, texts] -> [N, texts]
        return dict(zip(self.texts.classes, mean.T, strict=True))


def open_texts(
    words: Sequence[str], specs: Sequence[FeatureSpec], settings: ExtractionSettings
) -> OpenTexts | None:
    """The texts in the space of the first store whose network reads texts; None without texts.

    Raises ValueError where no store has such a network, for what check_words and tokens refuse, and for
    weights of another file than those of the features.
    """
    if not words:
        return None
    check_words(words)
    from extract.backbones.clip_text import TEXT_TOWERS
    from extract.language.text_features import class_texts

    for part, spec in enumerate(specs):
        preset = preset_of_spec(spec)
        if preset.backbone not in TEXT_TOWERS:
            continue
        choice, seed = weights_of(spec, preset, settings)
        found = class_texts(preset, tuple(words), tuple((each,) for each in words), weights=choice, seed=seed)
        if reason := found.mismatch(spec):
            raise ValueError(f"--text: {reason}; give the file of the features with --weights")
        return OpenTexts(found, part)
    presets = ", ".join(spec.preset for spec in specs)
    raise ValueError(f"--text needs features of CLIP, which share a space with texts, not those of {presets}")


def check_words(words: Sequence[str]) -> None:
    """Raise ValueError unless these are different texts that can be printed."""
    for text in words:
        if not text.strip():
            raise ValueError(f"--text: {text!r} is empty, expected words such as 'a person falls'")
        if printable(text) != text:
            raise ValueError(f"--text: {printable(text)!r:.80} has characters that nobody sees")
    if twice := sorted(text for text, count in Counter(words).items() if count > 1):
        raise ValueError(f"--text: {twice[0]!r:.80} is given twice")


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows of length 1; rows of zeros stay."""
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)
