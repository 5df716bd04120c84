"""Small videos with a known sound, encoded at test time."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition

from support.video_corpus import paint

SIZE = (64, 48)


def noise(seconds: float, rate: int, *, seed: int = 0, channels: int = 1) -> np.ndarray:
    """float32 [channels, n]: bursts of low-passed noise, so that any two places differ."""
    rng = np.random.default_rng(seed)
    count = int(seconds * rate)
    spectrum = np.fft.rfft(rng.normal(size=(channels, count)))
    spectrum[:, np.fft.rfftfreq(count, 1 / rate) > 3000] = 0
    sound = np.fft.irfft(spectrum, count) * (1 + np.sin(2 * np.pi * np.arange(count) / rate * 1.3))
    return (0.25 * sound / np.abs(sound).max()).astype(np.float32)


def write_sounding(
    path: Path,
    *,
    frames: int = 48,
    fps: int = 24,
    picture_start: float = 0.0,
    sounds: tuple = (),
    video_codec: str = "libx264",
    default_sound: int | None = None,
) -> Path:
    """frames of 64 x 48. sounds: of each stream (codec, rate, float32 [channels, n], second of its start).

    default_sound: which of them is marked as the default one; None leaves that to the container.
    """
    with av.open(str(path), "w") as container:
        picture = container.add_stream(video_codec, rate=fps)
        picture.width, picture.height, picture.pix_fmt = *SIZE, "yuv420p"
        picture.codec_context.thread_count = 1
        streams = []
        for codec, rate, samples, start in sounds:
            layout = {1: "mono", 2: "stereo", 6: "5.1"}[len(samples)]
            streams.append((container.add_stream(codec, rate=rate, layout=layout), rate, samples, start))
        for number, (stream, *_) in enumerate(streams):
            if default_sound is not None:
                chosen = number == default_sound
                stream.disposition = Disposition.default if chosen else Disposition(0)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(paint(number, *SIZE), format="rgb24")
            frame.pts, frame.time_base = number + round(picture_start * fps), Fraction(1, fps)
            container.mux(picture.encode(frame))
        container.mux(picture.encode())
        for stream, rate, samples, start in streams:
            size = stream.codec_context.frame_size or 1024
            kind, layout = stream.codec_context.format.name, stream.codec_context.layout.name
            convert = av.AudioResampler(format=kind, layout=layout, rate=rate)
            for begin in range(0, samples.shape[1], size):
                part = np.ascontiguousarray(samples[:, begin : begin + size])
                frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=layout)
                frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
                frame.pts = begin + round(start * rate)
                for each in convert.resample(frame):
                    container.mux(stream.encode(each))
            container.mux(stream.encode())
    return path
