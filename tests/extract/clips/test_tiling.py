"""Segments by the clock: they tile as segments by frames do, cover everything, and come in any chunks."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.clips.assembler import ClipAssembler
from extract.decode.open_video import DecodedFrame
from extract.decode.sampling import Sampler
from extract.presets import PRESETS
from extract.presets.preset_overrides import overridden
from extract.presets.segment_rate import with_segments_every
from extract.segments import Tiling, segment_spans

# seconds between frames, as of variable rates: some frames come at once, some after a long wait
clocks = st.lists(st.sampled_from([0.0, 0.01, 0.04, 0.05, 0.4, 3.0]), min_size=0, max_size=80).map(
    lambda waits: np.cumsum([7.0, *waits])
)


def tiled(times: np.ndarray, **counts) -> np.ndarray:
    tiling = Tiling(frame_stride=1, segment_stride=1, **counts)
    tiling.note(times)
    return tiling.spans()


@given(
    num_frames=st.integers(1, 200),
    fps=st.sampled_from([10.0, 25.0, 30000 / 1001, 59.94]),
    clip_length=st.integers(1, 20),
    stride=st.integers(1, 30),
    noise=st.sampled_from([0.0, 4e-4]),
)
def test_a_time_of_whole_frames_tiles_as_these_frames(num_frames, fps, clip_length, stride, noise):
    times = 3 + np.arange(num_frames) / fps + np.random.default_rng(0).uniform(-noise, noise, num_frames)
    found = tiled(times, clip_length=clip_length, segment_seconds=stride / fps, tail="pad")
    assert np.array_equal(found, segment_spans(num_frames, clip_length, 1, stride, "pad"))
    if stride <= clip_length:
        found = tiled(times, clip_length=clip_length, segment_seconds=stride / fps, tail="drop")
        assert np.array_equal(found, segment_spans(num_frames, clip_length, 1, stride, "drop"))


@given(times=clocks, seconds=st.sampled_from([0.02, 0.1, 0.5, 1.0]), clip_length=st.integers(1, 12))
def test_every_frame_is_covered_whatever_the_clock(times, seconds, clip_length):
    spans = tiled(times, clip_length=clip_length, segment_seconds=seconds)
    assert spans[0, 0] == 0 and spans[-1, 1] == len(times)
    assert (np.diff(spans[:, 0]) > 0).all() and (spans[1:, 0] <= spans[:-1, 1]).all()
    # the first frame at or after each moment that comes before the video is covered
    moments = np.arange(0, times[-1] - 7.0 + seconds, seconds)
    starts = np.unique(np.searchsorted(times - 7.0 + 1e-3, moments))
    assert spans[:, 0].tolist() == starts[: len(spans)].tolist()
    full = tiled(times, clip_length=clip_length, segment_seconds=seconds, tail="drop")
    # dropped tails leave the segments whose clip is full
    assert full[:, 0].tolist() == [start for start in starts if start + clip_length <= len(times)]


@settings(max_examples=60, deadline=None)
@given(
    times=clocks,
    seconds=st.sampled_from([0.02, 0.1, 0.5]),
    clip_length=st.integers(1, 9),
    tail=st.sampled_from(["pad", "drop"]),
    chunks=st.lists(st.integers(1, 20), max_size=6),
    lag=st.integers(0, 1),
)
def test_clips_by_the_clock_are_the_frames_of_their_segments(times, seconds, clip_length, tail, chunks, lag):
    """lag: how many frames the stream is behind the clock, as flow is."""
    assembler = ClipAssembler(
        clip_length=clip_length, frame_stride=1, segment_stride=1, tail=tail, segment_seconds=seconds
    )
    frames, clips, begin, given_ = torch.arange(len(times), dtype=torch.float32), [], 0, 0
    for length in [*chunks, len(times)]:
        numbers = np.arange(begin, min(begin + length, len(times)))
        begin += len(numbers)
        if len(numbers):
            assembler.note(numbers, times[numbers])
            clips += assembler.add(frames[given_ : begin - lag, None, None, None])
            given_ = max(given_, begin - lag)
    clips += assembler.add(frames[given_:, None, None, None])
    clips += assembler.end()
    spans, time_spans = assembler.spans(num_frames=len(times), end_seconds=times[-1] + 0.04)
    assert np.array_equal(
        spans, tiled(times, clip_length=clip_length, segment_seconds=seconds, tail=tail)
    ) and np.array_equal(time_spans[:, 0], times[spans[:, 0]])
    assert len(clips) == len(spans)
    for clip, (start, _stop) in zip(clips, spans, strict=True):
        expected = np.minimum(start + np.arange(clip_length), len(times) - 1)
        assert clip.frames.flatten().int().tolist() == expected.tolist()


@pytest.mark.parametrize("fps", [30000 / 1001, 24000 / 1001])
@pytest.mark.parametrize("seconds", [0.033, 0.5, 1.001])
def test_segments_start_at_the_same_frames_by_rounded_times(fps, seconds):
    """Matroska rounds to milliseconds, and one of the decoders to 32-bit floats."""
    counts = {"clip_length": 4, "segment_seconds": seconds}
    for first in (0.0, 0.0207, 7.0169):
        times = (first + np.arange(300) / fps).round(3)
        expected = tiled(times, **counts)
        assert np.array_equal(tiled((times - times[0]).astype(np.float32), **counts), expected)
        if seconds == 1.001:  # a whole number of frames
            assert np.array_equal(expected, segment_spans(300, 4, 1, round(seconds * fps), "pad"))


def test_frames_between_segments_are_not_kept():
    assembler = ClipAssembler(clip_length=4, frame_stride=1, segment_stride=1, segment_seconds=60.0)
    for begin in range(0, 6000, 32):
        numbers = np.arange(begin, begin + 32)
        assembler.note(numbers, numbers / 25)
        assembler.add(torch.zeros(32, 1, 1, 1))
        assert len(assembler._held) <= 33


@given(times=clocks, seconds=st.sampled_from([0.02, 0.1, 0.5, 1.0]))
def test_the_decoder_passes_on_the_single_frames_that_segments_start_with(times, seconds):
    frames = [DecodedFrame(number, number + 1, each, each + 0.04, bytes) for number, each in enumerate(times)]
    kept = [frame.frame_index for frame in Sampler(None, 1, seconds).pick(frames)]
    assert kept == tiled(times, clip_length=1, segment_seconds=seconds)[:, 0].tolist()


@pytest.mark.parametrize(
    "name, changes, text, stride, seconds",
    [
        ("i3d-rgb-16", [], "8", 8, None),
        ("i3d-rgb-16", [], "8 frames", 8, None),
        ("i3d-rgb-16", [], "1s", 16, 1.0),
        ("i3d-rgb-16", [], "40ms", 16, 0.04),
        # a distance in frames without effect does not tell stores apart
        ("i3d-rgb-16", ["segment_stride=8"], "1s", 16, 1.0),
        # resampled to 25 frames per second: a time of whole frames is that many of them
        ("i3d-rgb-16", ["fps=25"], "1s", 25, None),
        ("i3d-rgb-16", ["fps=25"], "0.5s", 16, 0.5),
        ("reclass", [], "2s", 50, None),
    ],
)
def test_every_takes_frames_or_seconds(name, changes, text, stride, seconds):
    preset = with_segments_every(overridden(PRESETS[name], changes), text)
    assert (preset.segment_stride, preset.segment_seconds) == (stride, seconds)
    assert type(preset).from_spec(preset.spec(), PRESETS) == preset
    # specs of segments by frames stay as they were
    assert ("segment_seconds" in preset.spec().to_json()) == (seconds is not None)


@pytest.mark.parametrize(
    "name, text, words",
    [
        ("motion", "1 minute", "--every 1 minute: expected frames, like 8, or seconds, like 0.5s"),
        ("motion", "2.5", "--every 2.5: expected a whole number of frames"),
        ("motion", "0", "--every 0: segment_stride is 0"),
        ("motion", "0s", "--every 0s: segment_seconds is 0"),
        ("motion", "0.5ms", "--every 0.5ms: segment_seconds is 0.0005, expected 0.002 to 86400"),
        ("reclass", "0.5s", "--every 0.5s: segment_seconds is 0.5, expected none: flow lies between"),
    ],
)
def test_a_wrong_rate_of_segments_is_named(name, text, words):
    with pytest.raises(ValueError, match=words):
        with_segments_every(PRESETS[name], text)


@pytest.mark.parametrize("assignment", ["segment_stride=4", "segment_seconds=2.0"])
def test_every_and_set_cannot_both_say_how_far_segments_lie_apart(assignment):
    with pytest.raises(ValueError, match=f"--every 8 and --set {assignment} both say how far"):
        with_segments_every(overridden(PRESETS["motion"], [assignment]), "8", [assignment])
    kept = with_segments_every(overridden(PRESETS["motion"], ["tail=drop"]), "8", ["tail=drop"])
    assert (kept.segment_stride, kept.tail) == (8, "drop")
