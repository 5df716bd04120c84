"""`--every 1s` and `--every 8`: how far the starts of two segments lie apart, in seconds or in frames."""

from __future__ import annotations

import re
from collections.abc import Sequence

from extract.presets import PRESETS
from extract.presets.preset import Preset
from extract.presets.preset_overrides import overridden

FORM = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(s|ms|frames?)?")


def with_segments_every(preset: Preset, text: str | None, assignments: Sequence[str] = ()) -> Preset:
    """The preset with segments that start every `text`; None changes nothing.

    assignments: those of --set that the preset has; none of them may say the same in another way.

    8 and 8 frames are sampled frames. 0.5s and 40ms are times of the video's own clock; where the preset
    resamples videos and the time is a whole number of its frames, they become that number. Segments closer
    than their clip is long overlap. Raises ValueError that names --every.
    """
    if text is None:
        return preset
    found = FORM.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"--every {text}: expected frames, like 8, or seconds, like 0.5s")
    for assignment in assignments:
        if assignment.partition("=")[0].strip() in ("segment_stride", "segment_seconds"):
            raise ValueError(
                f"--every {text} and --set {assignment} both say how far segments lie apart: leave one out"
            )
    number, unit = float(found[1]), found[2] or "frames"
    try:
        if unit.startswith("frame"):
            if number != int(number):
                raise ValueError("expected a whole number of frames, or seconds, like 0.5s")
            return overridden(preset, [f"segment_stride={int(number)}", "segment_seconds=null"])
        seconds = number / 1000 if unit == "ms" else number
        frames = seconds * (preset.fps or 0)
        if frames >= 1 and abs(frames - round(frames)) < 1e-6:
            return overridden(preset, [f"segment_stride={round(frames)}", "segment_seconds=null"])
        # without effect then, so that it must not tell equal stores apart
        stride = PRESETS[preset.name].segment_stride
        return overridden(preset, [f"segment_stride={stride}", f"segment_seconds={seconds}"])
    except ValueError as error:
        raise ValueError(f"--every {text}: {error}") from None
