"""Log-mel patches as VGGish takes them: magnitudes of short windows, summed in bands, their logarithm."""

from __future__ import annotations

import numpy as np

from extract.sound.sound_settings import Sound


class LogMel:
    """Samples to patches, in float64 inside."""

    def __init__(self, sound: Sound):
        self.sound = sound
        self._points = 1 << (sound.window - 1).bit_length()
        # Periodic, as in the code of VGGish: its next value would be the first again.
        self._hann = 0.5 - 0.5 * np.cos(2 * np.pi / sound.window * np.arange(sound.window))
        self._bands = band_weights(
            sound.bands,
            low_hz=sound.low_hz,
            high_hz=sound.high_hz,
            hertz=np.linspace(0.0, sound.rate / 2, self._points // 2 + 1),
        )

    def patch(self, samples: np.ndarray) -> np.ndarray:
        """Samples [reach] of about -1 to 1 -> float32 [frames, bands], log(magnitude + offset)."""
        sound = self.sound
        windows = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), sound.window)
        spectrum = np.abs(np.fft.rfft(windows[:: sound.hop] * self._hann, self._points))
        return np.log(spectrum @ self._bands + sound.offset).astype(np.float32)


def band_weights(bands: int, *, low_hz: float, high_hz: float, hertz: np.ndarray) -> np.ndarray:
    """Weights [K, bands] of triangular bands over frequencies hertz [K].

    Bands are equally wide in mel, 1127 ln(1 + f / 700), and rise and fall in mel, not in hertz. The first
    frequency, which is zero, belongs to none.
    """
    edges = np.linspace(_mel(low_hz), _mel(high_hz), bands + 2)
    mel = _mel(hertz)[:, None]
    rise = (mel - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - mel) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0.0, np.minimum(rise, fall))
    weights[0] = 0.0
    return weights


def _mel(hertz):
    return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)
