"""Patches of the sound against other formulas: a discrete Fourier sum, and bands written out one by one."""

import math

import numpy as np
import pytest

from extract.sound.log_mel import LogMel, band_weights
from extract.sound.sound_settings import Sound
from extract.sound.sound_windows import SoundWindows, window_starts
from support.sound_formulas import expected_log_mel, mel

VGGISH = Sound()
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def signal():
    """Two patches and what the last frame needs, and their log-mel."""
    samples = (0.3 * RNG.normal(size=2 * VGGISH.length + 240)).astype(np.float32)
    return samples, expected_log_mel(samples.astype(np.float64))


def test_a_patch_is_vggish_log_mel(signal):
    samples, expected = signal
    assert (VGGISH.length, VGGISH.reach) == (15_360, 15_600) and len(expected) == 192
    for number in (0, 1):
        patch = LogMel(VGGISH).patch(samples[number * 15_360 :][:15_600])
        assert patch.shape == (96, 64) and patch.dtype == np.float32
        np.testing.assert_allclose(patch, expected[number * 96 : (number + 1) * 96], atol=1e-5)


def test_silence_is_the_logarithm_of_the_offset_and_a_tone_is_loudest_in_its_band():
    assert np.allclose(LogMel(VGGISH).patch(np.zeros(15_600)), math.log(0.01))
    for hertz in (200, 1000, 4000):
        tone = np.sin(2 * np.pi * hertz * np.arange(15_600) / 16_000)
        band = int(LogMel(VGGISH).patch(tone).mean(axis=0).argmax())
        width = (mel(7500) - mel(125)) / 65
        assert abs(mel(125) + (band + 1) * width - mel(hertz)) <= width


def test_bands_share_each_frequency_between_two_neighbours():
    hertz = np.linspace(0, 8000, 257)
    weights = band_weights(64, low_hz=125, high_hz=7500, hertz=hertz)
    first, last = 125 + (7500 - 125) * 0.02, 7200
    inside = (hertz > first) & (hertz < last)
    np.testing.assert_allclose(weights[inside].sum(axis=1), 1.0, atol=1e-9)
    assert not weights[(hertz <= 125) | (hertz >= 7500)].any()


@pytest.mark.parametrize(
    "place, starts",
    [("end", [-4693, 5973, 11307]), ("start", [0, 10667, 21333]), ("middle", [-2347, 8320, 16320])],
)
def test_a_window_lies_at_its_segment(place, starts):
    # 16 frames at 24 per second are 10,666.7 samples, the window has 15,360; the last segment has 8 frames
    spans = np.array([[0, 16], [16, 32], [32, 40]]) / 24
    assert window_starts(spans, Sound(place=place)).tolist() == starts


SMALL = Sound(rate=8000, window_seconds=0.002, hop_seconds=0.001, frames=5, bands=3, high_hz=3000.0)


@pytest.mark.parametrize("seed", range(20))
def test_sound_in_pieces_of_any_size_gives_the_windows_of_the_whole_line(seed):
    rng = np.random.default_rng(seed)
    assert (SMALL.length, SMALL.reach) == (40, 48)
    line, heard = np.zeros(900, np.float32), np.zeros(900, bool)  # position 0 is at 100
    starts = np.sort(rng.integers(-60, 700, size=rng.integers(1, 30)))
    windows, found, position = SoundWindows(starts, SMALL), [], int(rng.integers(-30, 200))
    while position < 640:
        samples = rng.normal(size=rng.integers(1, 90)).astype(np.float32)
        line[100 + position :][: len(samples)] = samples
        heard[100 + position :][: len(samples)] = True
        found += windows.add(position, samples)
        position += len(samples) + int(rng.choice([0, 0, 0, 150]))
    assert windows.done == len(found) and windows.complete == (len(found) == len(starts))
    found += windows.end()
    silent = 0
    for start, patch in zip(starts, found, strict=True):
        if heard[100 + start :][:40].any():
            assert np.array_equal(patch, LogMel(SMALL).patch(line[100 + start :][:48]))
        else:
            assert np.isnan(patch).all() and patch.shape == (5, 3)
            silent += 1
    assert windows.silent == silent and windows.complete


@pytest.mark.parametrize(
    "wrong",
    [
        {"place": "left"},
        {"rate": 1},
        {"high_hz": 9000.0},
        {"frames": 0},
        {"hop_seconds": 0.5},
        {"offset": 0.0},
    ],
)
def test_settings_out_of_range_are_named(wrong):
    with pytest.raises(ValueError, match=r"sound\.\w+ is .*expected"):
        Sound(**wrong)
