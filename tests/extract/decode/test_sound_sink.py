"""A decode worker that hears: a patch for each segment of the picture, and a record of the sound."""

import av
import numpy as np
import pytest

from extract.decode.decode_events import SegmentsDescribed, VideoEnded, VideoFailed
from extract.decode.decode_settings import DecodeJob, DecodeSettings
from extract.decode.pool import DecodePool
from extract.decode.pyav_reader import open_pyav
from extract.sound.sound_settings import Sound
from support.sound_formulas import expected_log_mel
from support.sounding_videos import noise, write_sounding
from support.video_corpus import damage, write_pictures

RATE = 16_000
pytestmark = pytest.mark.slow  # starts processes


@pytest.fixture(scope="module")
def samples():
    return noise(3.0, RATE, channels=2)


@pytest.fixture(scope="module")
def root(tmp_path_factory, samples):
    folder = tmp_path_factory.mktemp("videos")
    pcm = "pcm_s16le"
    write_sounding(folder / "heard.mkv", frames=70, sounds=[(pcm, RATE, samples, 0.0)])
    write_sounding(folder / "late.mkv", frames=70, sounds=[(pcm, RATE, samples[:, :RATE], 1.0)])
    write_sounding(folder / "after.mkv", frames=40, picture_start=1.0, sounds=[(pcm, RATE, samples, 0.0)])
    write_sounding(folder / "quick.mkv", frames=50, fps=25, sounds=[(pcm, RATE, samples, 0.0)])
    write_sounding(folder / "mute.mkv", frames=20)
    write_pictures(folder / "images", range(20))
    broken = write_sounding(folder / "broken.mkv", frames=20, sounds=[("flac", RATE, samples, 0.0)])
    with av.open(str(broken)) as container:
        packets = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
    data = broken.read_bytes()
    for packet in packets:
        data = data.replace(packet, b"\0" * len(packet))
    broken.write_bytes(data)
    cut = write_sounding(folder / "cut.mkv", frames=70, sounds=[(pcm, RATE, samples, 0.0)])
    damage(cut, cut, keep=0.5)
    return folder


def decoded(root, *names, sound=None, **settings):
    """Name -> (patches [N, 96, 64], frame spans, time spans, last event)."""
    settings = DecodeSettings(workers=1, sound=sound or Sound(), readers=(open_pyav,), **settings)
    events = {name: [] for name in names}
    with DecodePool([DecodeJob(name, root) for name in names], settings) as pool:
        for event in pool:
            events[event.video_id].append(event)
    found = {}
    for name, of_video in events.items():
        parts = [event for event in of_video if isinstance(event, SegmentsDescribed)]
        joined = [
            np.concatenate([getattr(part, field) for part in parts]) if parts else None
            for field in ("rows", "frame_span", "time_span")
        ]
        if parts:
            joined[0] = joined[0].reshape(-1, 96, 64)
        found[name] = (*joined, of_video[-1])
    return found


def by_hand(samples, ends, *, start=0.0):
    """The patches that end at these seconds, from the mean of the channels, which begins at `start`."""
    line = np.zeros(8 * RATE)
    levels = np.round(samples * 32768) / 32768  # of 16-bit samples
    line[RATE + round(start * RATE) :][: samples.shape[1]] = levels.mean(axis=0)
    starts = [RATE + round(end * RATE) - 15_360 for end in ends]
    return np.stack([expected_log_mel(line[begin:][:15_600]) for begin in starts])


def test_patches_end_with_their_segments(root, samples):
    found = decoded(root, "heard", "late", "after", "quick")
    for name, fps, frames, first, sound, start in (
        ("heard", 24, 70, 0.0, samples, 0.0),
        ("late", 24, 70, 0.0, samples[:, :RATE], 1.0),
        ("after", 24, 40, 1.0, samples, 0.0),
        ("quick", 25, 50, 0.0, samples, 0.0),
    ):
        patches, spans, seconds, last = found[name]
        stops = [*range(16, frames, 16), frames]
        assert spans[:, 1].tolist() == stops and isinstance(last, VideoEnded)
        # Matroska counts milliseconds.
        np.testing.assert_allclose(seconds[:, 1], first + np.array(stops) / fps, atol=0.002)
        expected = by_hand(sound, seconds[:, 1], start=start)
        silent = np.isnan(patches).all(axis=(1, 2))
        ends = seconds[:, 1]
        beyond = (ends <= start) | (ends - 0.96 >= start + sound.shape[1] / RATE)
        assert silent.tolist() == beyond.tolist() and silent.any() == (name == "late")
        np.testing.assert_allclose(patches[~silent], expected[~silent], atol=0.02)
        record = last.report.sound
        assert record["silent_segments"] == silent.sum() and record["codec"] == "pcm_s16le"
        assert (record["rate"], record["channels"], record["begin"]) == (RATE, 2, start)


def test_the_sound_of_joined_files_stays_with_their_pictures(tmp_path):
    for number in (1, 2):
        sounds = [("mp2", RATE, noise(2.0, RATE, seed=number), 0.0)]
        write_sounding(tmp_path / f"part{number}.ts", frames=48, sounds=sounds)
    parts = [tmp_path / f"part{number}.ts" for number in (1, 2)]
    (tmp_path / "joined.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    found = decoded(tmp_path, "part1", "part2", "joined")
    joined, _, _, last = found["joined"]
    assert last.report.clock.startswith("1 jumps taken out") and len(joined) == 6
    np.testing.assert_array_equal(joined[:2], found["part1"][0][:2])
    # The decoder begins the second file with what it knows of the first one.
    assert np.abs(joined[4:] - found["part2"][0][1:]).mean() < 0.05


def test_the_place_of_the_window_and_the_segments_are_settings(root, samples):
    patches, _, seconds, _ = decoded(
        root, "heard", sound=Sound(place="start"), clip_length=24, segment_stride=12, tail="drop"
    )["heard"]
    assert len(patches) == 4
    np.testing.assert_allclose(patches, by_hand(samples, seconds[:, 0] + 0.96), atol=0.02)


def test_videos_and_images_without_sound_have_patches_of_nan_and_a_record(root):
    for patches, spans, _, last in decoded(root, "mute", "images").values():
        assert np.isnan(patches).all() and spans[-1, 1] == 20
        assert last.report.sound["stream"] is None and last.report.sound["silent_segments"] == len(spans)


def test_sound_that_cannot_be_decoded_and_pictures_that_break_off_fail_by_name(root):
    found = decoded(root, "broken", "cut", "mute")
    assert isinstance(found["broken"][3], VideoFailed)
    assert found["broken"][3].reason == "broken: none of its sound (flac, stream 1) can be decoded"
    assert isinstance(found["cut"][3], VideoFailed) and isinstance(found["mute"][3], VideoEnded)
    kept = decoded(root, "broken", "cut", on_damage="salvage")
    assert np.isnan(kept["broken"][0]).all() and kept["broken"][3].report.sound["left_out"] > 0
    assert kept["broken"][3].report.messages > 0
    assert not np.isnan(kept["cut"][0][0]).any() and not kept["cut"][3].report.complete
