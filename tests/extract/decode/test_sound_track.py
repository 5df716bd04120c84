"""The sound of real encodings: the right samples at the right time of the video."""

import math
import random
from fractions import Fraction

import av
import numpy as np
import pytest
import scipy.signal

from extract.decode.open_video import ReadError
from extract.decode.pyav_reader import open_pyav
from extract.decode.readers.clock import Clock
from extract.decode.sound.sound_clock import SoundClock
from extract.decode.sound.sound_track import SoundTrack, read_sound
from extract.decode.sources import find_source
from support.sounding_videos import noise, write_sounding

RATE = 16_000


def heard(path, *, seconds: float = 4.0) -> tuple[np.ndarray, np.ndarray, SoundTrack]:
    """(float32 [n] on the clock of the video, where it was heard, what is known)."""
    video = open_pyav(find_source(path.parent, path.stem), 0)
    assert sum(1 for _ in video.frames)
    line, mask = np.zeros(int(seconds * RATE), np.float32), np.zeros(int(seconds * RATE), bool)
    track, beats = SoundTrack(), []
    pieces = read_sound(
        path, track, rate=RATE, clock=SoundClock(video.clock.pieces), beat=lambda: beats.append(1)
    )
    for position, samples in pieces:
        assert position >= 0 and samples.dtype == np.float32
        line[position : position + len(samples)] = samples
        mask[position : position + len(samples)] = True
    assert bool(beats) == (track.stream is not None)
    return line, mask, track


def expected(samples: np.ndarray, rate: int, start: float, seconds: float = 4.0) -> np.ndarray:
    """The mean of the channels at 16 kHz, by scipy."""
    share = Fraction(RATE, rate)
    mono = scipy.signal.resample_poly(samples.mean(axis=0), share.numerator, share.denominator)
    line = np.zeros(int(seconds * RATE))
    at = round(start * RATE)
    line[at : at + len(mono)] = mono[: len(line) - at]
    return line


def lag_and_likeness(found: np.ndarray, wanted: np.ndarray) -> tuple[int, float]:
    """By how many samples the found sound is late, and its correlation there."""
    spectrum = np.fft.rfft(found, 2 * len(found)) * np.conj(np.fft.rfft(wanted, 2 * len(found)))
    correlation = np.fft.irfft(spectrum) / (np.linalg.norm(found) * np.linalg.norm(wanted))
    lag = int(correlation.argmax())
    return lag if lag < len(found) else lag - 2 * len(found), float(correlation.max())


# Container and codec, rate, channels, start of the sound and of the picture, least likeness.
ENCODINGS = [
    ("mp4", "aac", 44_100, 2, 0.0, 0.0, 0.96),
    ("mp4", "aac", 48_000, 1, 0.75, 0.0, 0.96),
    ("mp4", "aac", 16_000, 1, 0.0, 0.5, 0.96),
    ("mkv", "libmp3lame", 44_100, 2, 0.3, 0.0, 0.96),
    ("ts", "mp2", 48_000, 1, 0.5, 0.25, 0.96),
    ("mkv", "pcm_s16le", 16_000, 1, 0.0, 0.0, 0.9999),
    ("mov", "pcm_s16le", 8_000, 2, 0.0, 0.0, 0.999),
    ("avi", "pcm_u8", 22_050, 1, 0.0, 0.0, 0.99),
    ("mkv", "pcm_s24le", 96_000, 2, 0.2, 0.0, 0.9999),
    ("mkv", "pcm_f32le", 16_000, 6, 0.0, 0.4, 0.9999),
    ("mkv", "flac", 44_100, 2, 0.0, 0.0, 0.9999),
]


@pytest.mark.parametrize("suffix, codec, rate, channels, start, picture, least", ENCODINGS, ids=str)
def test_sound_is_at_its_time_and_the_mean_of_its_channels(
    suffix, codec, rate, channels, start, picture, least, tmp_path
):
    if codec not in av.codecs_available:
        pytest.skip(f"FFmpeg without {codec}")
    samples = noise(1.5, rate, channels=channels)
    path = write_sounding(
        tmp_path / f"v.{suffix}", picture_start=picture, sounds=[(codec, rate, samples, start)]
    )
    found, mask, track = heard(path)
    # MPEG-TS keeps the difference of its streams but begins anywhere; players show its first picture or sound
    # as zero.
    begin = start - min(start, picture) if suffix == "ts" else start
    lag, likeness = lag_and_likeness(found, expected(samples, rate, begin))
    assert abs(lag) <= 2 * RATE // 1000 and likeness > least
    # As loud, and longer by no more than blocks of a codec.
    assert np.sum(found**2) == pytest.approx(np.sum(expected(samples, rate, 0) ** 2), rel=0.1)
    assert 1.5 * RATE - 1 <= mask.sum() <= 1.7 * RATE
    assert (track.codec, track.rate, track.channels) == (
        codec.replace("libmp3lame", "mp3float"),
        rate,
        channels,
    )
    assert track.left_out == 0 and track.begin == pytest.approx(begin, abs=0.05)


def test_samples_of_16_khz_without_loss_are_those_of_the_file(tmp_path):
    samples = noise(1.0, RATE)
    path = write_sounding(tmp_path / "v.mkv", sounds=[("pcm_s16le", RATE, samples, 0.5)])
    found, mask, _ = heard(path)
    assert np.flatnonzero(mask)[[0, -1]].tolist() == [8000, 23_999]
    np.testing.assert_allclose(found[8000:24_000], samples[0], atol=1.01 / 32768)


def test_a_video_without_sound_and_one_of_images_have_none(tmp_path):
    _, mask, track = heard(write_sounding(tmp_path / "v.mp4"))
    assert not mask.any() and track == SoundTrack()


def test_of_several_sounds_the_default_one_is_read_else_the_first(tmp_path):
    sounds = [("flac", RATE, noise(1.0, RATE, seed=seed), 0.0) for seed in (1, 2)]
    path = write_sounding(tmp_path / "v.mkv", sounds=sounds)
    found, _, track = heard(path)
    assert (track.stream, track.others) == (1, (2,))
    assert lag_and_likeness(found, expected(sounds[0][2], RATE, 0.0))[1] > 0.99
    found, _, track = heard(write_sounding(tmp_path / "w.mkv", sounds=sounds, default_sound=1))
    assert (track.stream, track.others) == (2, (1,))
    assert lag_and_likeness(found, expected(sounds[1][2], RATE, 0.0))[1] > 0.99


def test_packets_that_cannot_be_decoded_are_left_out_and_the_rest_keeps_its_time(tmp_path):
    samples = noise(2.0, 44_100)
    path = write_sounding(tmp_path / "v.mkv", sounds=[("flac", 44_100, samples, 0.0)])
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
    data = path.read_bytes()
    for packet in packets[8:11]:
        assert data.count(packet) == 1
        data = data.replace(packet, b"\0" * len(packet))
    path.write_bytes(data)
    found, mask, track = heard(path)
    assert track.left_out == 3
    gap = np.flatnonzero(~mask[: int(1.9 * RATE)])
    assert len(gap) and gap[0] / RATE > 0.5 and gap[-1] / RATE < 1.5
    wanted = expected(samples, 44_100, 0.0)
    for part in (slice(0, gap[0] - 500), slice(gap[-1] + 500, int(1.9 * RATE))):
        lag, likeness = lag_and_likeness(found[part], wanted[part])
        assert abs(lag) <= 16 and likeness > 0.98  # Matroska counts milliseconds


def test_sound_of_which_nothing_can_be_decoded_is_an_error(tmp_path):
    path = write_sounding(tmp_path / "v.mkv", sounds=[("flac", 44_100, noise(0.5, 44_100), 0.0)])
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
    data = path.read_bytes()
    for packet in packets:
        data = data.replace(packet, b"\0" * len(packet))
    path.write_bytes(data)
    with pytest.raises(ReadError, match=r"none of its sound \(flac, stream 1\) can be decoded"):
        heard(path)


@pytest.mark.parametrize("gap", [60.0, -40.0], ids=["a pause", "joined files"])
def test_sound_stays_with_the_frames_that_it_was_recorded_with(gap):
    """The picture's clock jumps after 100 frames, and so does the sound's."""
    clock, raw = Clock(25.0), [number / 25 + (gap + 50 if number >= 100 else 50) for number in range(200)]
    shown = [clock.times(start, start + 0.04)[0] for start in raw]
    assert clock.num_jumps == 1 and shown[-1] == pytest.approx(50 + 199 / 25)
    sound = SoundClock(clock.pieces)
    for number, start in enumerate(raw):
        # Sound of the middle of each frame.
        assert sound.seconds(start + 0.02) == pytest.approx(shown[number] + 0.02)
        if number == 99:
            # The sound runs on for a while, in which there is no picture.
            assert [sound.seconds(start + later) for later in (0.05, 0.3, 0.9)] == [None] * 3


def test_a_right_clock_moves_nothing():
    clock = Clock(25.0)
    for number in range(5):
        clock.times(3 + number / 25, 3 + (number + 1) / 25)
    sound = SoundClock(clock.pieces)
    raws = [random.Random(number).uniform(0, 50) for number in range(20)]
    assert [sound.seconds(raw) for raw in sorted(raws)] == sorted(raws)
    assert SoundClock([]).seconds(1.5) == 1.5 and math.isfinite(clock.pieces[0].start)
