"""What decides the log-mel patches of a sound track, with the numbers of VGGish.

Hershey et al., ICASSP 2017, https://arxiv.org/abs/1609.09430; the numbers are those of tensorflow/models,
research/audioset/vggish/vggish_params.py.
"""

from __future__ import annotations

from dataclasses import dataclass

PLACES = ("start", "middle", "end")


@dataclass(frozen=True)
class Sound:
    """One patch per segment. Raises ValueError for values out of range."""

    # Where a patch lies: it begins with its segment, has its middle there, or ends with it.
    place: str = "end"
    # Samples per second that every sound track is resampled to.
    rate: int = 16_000
    # Of one frame of the spectrogram, and from one to the next.
    window_seconds: float = 0.025
    hop_seconds: float = 0.010
    # Frames and frequency bands of a patch: 0.96 s with VGGish's numbers.
    frames: int = 96
    bands: int = 64
    # Hertz between which the bands lie.
    low_hz: float = 125.0
    high_hz: float = 7500.0
    # Added before the logarithm.
    offset: float = 0.01

    def __post_init__(self):
        if self.place not in PLACES:
            raise ValueError(f"sound.place is {self.place!r}, expected {', '.join(PLACES)}")
        for name, least, most in (
            ("rate", 4000, 192_000),
            ("frames", 1, 1000),
            ("bands", 1, 512),
            ("hop_seconds", 0.001, 1.0),
            ("window_seconds", self.hop_seconds, 1.0),
            ("low_hz", 0.0, self.high_hz),
            ("high_hz", self.low_hz, self.rate / 2),
            ("offset", 1e-9, 1.0),
        ):
            if not least <= getattr(self, name) <= most:
                raise ValueError(
                    f"sound.{name} is {getattr(self, name)!r}, expected a number from {least} to {most}"
                )
        if self.low_hz == self.high_hz:
            raise ValueError(f"sound.low_hz and sound.high_hz are both {self.low_hz}, expected a range")

    @property
    def window(self) -> int:
        """Samples of one frame of the spectrogram."""
        return round(self.rate * self.window_seconds)

    @property
    def hop(self) -> int:
        """Samples from one frame to the next."""
        return round(self.rate * self.hop_seconds)

    @property
    def length(self) -> int:
        """Samples that a patch stands for. Its last frame reaches `window - hop` samples beyond them."""
        return self.frames * self.hop

    @property
    def reach(self) -> int:
        """Samples that a patch is computed from."""
        return (self.frames - 1) * self.hop + self.window
