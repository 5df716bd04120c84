"""`predict --every 0.5s`: segments of new videos at other distances than those of training."""

from __future__ import annotations

import dataclasses

from extract.store import FeatureSpec
from score.predict.extraction import preset_of_spec
from score.runs.checkpoint import Checkpoint


def specs_every(checkpoint: Checkpoint, text: str | None) -> list[FeatureSpec]:
    """The checkpoint's specs with segments that start every `text`, as in `vad-extract run --every`.

    The clips stay as in training, so a network sees the same kind of pictures. Raises ValueError for a wrong
    text, and for heads whose features are the change from one segment to the next, which would be another.
    """
    specs = list(checkpoint.specs)
    if text is None:
        return specs
    from extract.presets.segment_rate import with_segments_every

    presets = [with_segments_every(preset_of_spec(spec), text) for spec in specs]
    if checkpoint.config.data.segments.changes != "none":
        raise ValueError(
            f"--every {text}: the head was trained on the change from one segment to the next "
            "(data.segments.changes), which another distance would alter"
        )
    return [
        dataclasses.replace(
            spec, segment_stride=preset.segment_stride, segment_seconds=preset.segment_seconds
        )
        for spec, preset in zip(specs, presets, strict=True)
    ]
