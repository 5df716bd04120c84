"""How pixels are prepared before a network sees them: as presets do, and in other ways that people use."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from extract.presets import PRESETS, Preset, Resize, Scaling
from extract.presets.preset_parts import RESIZE_FILTERS


@dataclass(frozen=True)
class Pixels:
    """Resize, size of the crop, scaling, and whether the channels are in OpenCV's order."""

    resize: Resize | None
    crop_size: int
    scaling: Scaling
    bgr: bool = False

    def words(self) -> str:
        """Such as "short side 256 (bilinear), crop 224, (x - 127.5) / 127.5, RGB"."""
        resized = "as decoded"
        if self.resize is not None:
            size = self.resize.size
            sides = f"short side {size}" if isinstance(size, int) else f"{size[1]}x{size[0]}"
            resized = f"{sides} ({self.resize.filter})"
        return f"{resized}, crop {self.crop_size}, {scaling_words(self.scaling)}" + (
            ", BGR" if self.bgr else ""
        )


def scaling_words(scaling: Scaling) -> str:
    """Such as "(x - 114.75) / 57.375", with one number where the channels share it."""
    mean, std = (_number(values) for values in (scaling.mean, scaling.std))
    if mean == "0":
        return "x on 0..255" if std == "1" else f"x / {std}"
    return f"(x - {mean}) / {std}"


def own_pixels(preset: Preset) -> Pixels:
    """Those of a preset with a network."""
    if preset.crop is None or preset.scaling is None:
        raise ValueError(f"the preset {preset.name} has no crop or no scaling")
    return Pixels(preset.resize, preset.crop.size, preset.scaling)


def other_scalings(pixels: Pixels, channels: int) -> list[Pixels]:
    """The same with 0..1, 0..255 and every scaling that a preset has, each in both orders of the channels.

    Its own one in the other order comes first.
    """
    known = [preset.scaling for preset in PRESETS.values() if preset.scaling is not None]
    plain = [Scaling((0.0,) * channels, (value,) * channels) for value in (255.0, 1.0)]
    scalings = [each for each in (pixels.scaling, *plain, *known) if len(each.mean) == channels]
    orders = (False, True) if channels == 3 else (False,)
    return _new(pixels, (replace(pixels, scaling=each, bgr=bgr) for each in scalings for bgr in orders))


def other_sizes(pixels: Pixels) -> list[Pixels]:
    """The same with other ways of resizing to a crop of the same size."""
    size = pixels.crop_size
    known = [preset.resize for preset in PRESETS.values() if preset.resize and preset.crop]
    larger = round(size * 8 / 7)
    sizes = [size, larger, (size, size), (larger, larger), (256, 340), (240, 320)]
    made = [Resize("short_side" if isinstance(each, int) else "exact", each) for each in sizes]
    return _new(
        pixels,
        (
            replace(pixels, resize=each)
            for each in (*made, *known, None)
            if each is None or _holds(each, size)
        ),
    )


def other_filters(pixels: Pixels) -> list[Pixels]:
    """The same with other filters of the resize."""
    if pixels.resize is None:
        return []
    return _new(
        pixels, (replace(pixels, resize=replace(pixels.resize, filter=each)) for each in RESIZE_FILTERS)
    )


def _new(pixels: Pixels, others: Iterable[Pixels]) -> list[Pixels]:
    return [each for each in dict.fromkeys(others) if each != pixels]


def _holds(resize: Resize, crop: int) -> bool:
    return (resize.size if isinstance(resize.size, int) else min(resize.size)) >= crop


def _number(values: tuple[float, ...]) -> str:
    rounded = [f"{value:.5g}" for value in values]
    return rounded[0] if len(set(rounded)) == 1 else f"({', '.join(rounded)})"
