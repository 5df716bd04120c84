"""Presets of networks that hear a video instead of seeing it."""

from __future__ import annotations

from extract.presets.common_values import SEGMENT_16
from extract.presets.preset import Preset
from extract.sound.sound_settings import Sound

PARAMETERS = "tensorflow/models, research/audioset/vggish/vggish_params.py"

SOUND_PRESETS = (
    Preset(
        "vggish",
        "VGGish on the sound: the 0.96 s that end with each segment of the picture",
        clip_length=16,
        segment_stride=16,
        feature_dim=128,
        backbone="vggish",
        weights="youtube-8m",
        modality="audio",
        sound=Sound(),
        batch_size=(4, 256),
        sources={
            **dict.fromkeys(("clip_length", "segment_stride"), SEGMENT_16),
            "backbone": "Hershey et al., ICASSP 2017 (arXiv 1609.09430)",
            "feature_dim": PARAMETERS + ": EMBEDDING_SIZE",
            "sound": PARAMETERS,
            "sound.place": "XD-Violence's features as github.com/JustinYuu/MACIL_SD/issues/3 describes them",
        },
    ),
)
