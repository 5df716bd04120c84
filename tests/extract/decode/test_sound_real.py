"""The sound of real surveillance videos against another way to the same patches."""

from fractions import Fraction

import av
import numpy as np
import pytest
import scipy.signal

from extract.decode.decode_events import SegmentsDescribed, VideoEnded
from extract.decode.decode_settings import DecodeJob, DecodeSettings
from extract.decode.pool import DecodePool
from extract.decode.pyav_reader import open_pyav
from extract.sound.sound_settings import Sound
from support.sound_formulas import expected_log_mel

pytestmark = pytest.mark.slow

RATE = 16_000
VIDEOS = ("ucf_crime/videos/Normal_Videos_006_x264", "fight_surv/fight/fi079", "fight_surv/fight/fi127")


def whole_sound(path) -> np.ndarray:
    """All samples at 16 kHz, after a second of silence, by scipy."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        frames = list(container.decode(stream))
        samples = np.concatenate([frame.to_ndarray().mean(axis=0) for frame in frames])
        begin = float(frames[0].pts * frames[0].time_base) - container.start_time / 1e6
        share = Fraction(RATE, frames[0].sample_rate)
    resampled = scipy.signal.resample_poly(samples, share.numerator, share.denominator)
    return np.concatenate([np.zeros(RATE + round(begin * RATE)), resampled, np.zeros(2 * RATE)])


@pytest.mark.parametrize("name", VIDEOS)
def test_patches_of_real_sound(name, test_data):
    settings = DecodeSettings(workers=1, sound=Sound(), readers=(open_pyav,))
    with DecodePool([DecodeJob(name, test_data)], settings) as pool:
        events = list(pool)
    assert isinstance(events[-1], VideoEnded) and events[-1].report.sound["codec"] == "aac"
    described = [event for event in events if isinstance(event, SegmentsDescribed)]
    patches = np.concatenate([event.rows for event in described]).reshape(-1, 96, 64)
    ends = np.concatenate([event.time_span[:, 1] for event in described])
    line = whole_sound(test_data / f"{name}.mp4")
    for patch, end in zip(patches, ends, strict=True):
        expected = expected_log_mel(line[RATE + round(end * RATE) - 15_360 :][:15_600])
        # The two resamplers differ next to 8 kHz, and where almost nothing is to be heard.
        assert np.abs(patch - expected)[:, :60].mean() < 0.03
