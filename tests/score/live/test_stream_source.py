"""Streams over HTTP: changes of resolution, damage, clocks that jump; all on loopback with real bytes."""

import io
import threading
from itertools import count

import av
import numpy as np
import pytest

from score.live.address import parse_source
from score.live.frames import capture as capture_module
from score.live.frames.capture import Capture
from score.live.sources import stream_source
from score.live.sources.frame_source import SourceLost
from score.live.sources.measured_rate import FRAMES, MeasuredRate
from score.live.sources.stream_source import StreamSource
from support.http_camera import http_camera, jpeg
from support.waiting import wait_until
from support.watching import camera_at


def recorded(source):
    """[(fps, [(index, seconds, shape)])] of each recording, and why the last one ended."""
    found = []
    try:
        while True:
            recording = source.next()
            found.append((recording.fps, frames := []))
            for frame in recording.frames:
                frames.append((frame.frame_index, frame.pts_seconds, frame.rgb().shape))
    except SourceLost as lost:
        return found, str(lost)
    finally:
        source.close()


def transport_stream(start: int, count: int, size=(64, 48), *, matrix=None, sound=0) -> bytes:
    """MPEG-TS of 25 frames per second whose clock begins at `start` seconds.

    matrix: of its colours, by the numbers of ITU-T H.273. sound: packets of sound after the pictures.
    """
    file = io.BytesIO()
    with av.open(file, "w", format="mpegts") as container:
        stream = container.add_stream(
            "libx264", rate=25, options={"preset": "ultrafast", "tune": "zerolatency"}
        )
        stream.width, stream.height, stream.pix_fmt = (*size, "yuv420p")
        stream.codec_context.thread_count = 1
        if matrix is not None:
            stream.codec_context.colorspace = matrix
        voice = container.add_stream("mp2", rate=32000) if sound else None
        random = np.random.default_rng(0)
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(random.integers(0, 255, (size[1], size[0], 3), np.uint8))
            frame.pts = 25 * start + number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        for number in range(sound):
            assert voice is not None
            heard = av.AudioFrame.from_ndarray(
                np.zeros((1, 2 * 1152), np.int16), format="s16", layout="stereo"
            )
            heard.sample_rate, heard.pts = 32000, 32000 * start + 1152 * number
            container.mux(voice.encode(heard))
    return file.getvalue()


def test_a_change_of_resolution_begins_another_recording_of_the_same_connection():
    parts = [jpeg(64, 48, number) for number in range(8)] + [jpeg(96, 64, number) for number in range(8)]
    with http_camera(parts) as camera:
        found, why = recorded(StreamSource(parse_source(camera.address)))
        assert camera.clients == 1
    (_, first), (_, second) = found
    assert [index for index, *_ in first] == list(range(8)) and {shape for *_, shape in first} == {
        (48, 64, 3)
    }
    # FFmpeg keeps the last picture of MJPEG until it knows that it is whole.
    assert len(second) >= 7 and {shape for *_, shape in second} == {(64, 96, 3)}
    assert why


def test_damaged_pictures_are_counted_and_left_out():
    parts = [jpeg(64, 48, number) for number in range(12)]
    parts[4] = parts[4][:40] + bytes(200)
    parts[7] = b"\xff\xd8" + bytes(400)
    with http_camera(parts) as camera:
        source = StreamSource(parse_source(camera.address))
        found, _ = recorded(source)
    assert 9 <= sum(len(frames) for _, frames in found) <= 10
    assert source.damaged == 2


@pytest.mark.parametrize("jump", [3600, -3])
def test_times_ascend_where_the_clock_of_a_camera_jumps(jump):
    body = transport_stream(10, 12) + transport_stream(10 + jump, 12)
    with http_camera([], body=body) as camera:
        found, _ = recorded(StreamSource(parse_source(camera.address)))
    seconds = [each for _, frames in found for _, each, _ in frames]
    assert len(seconds) >= 22
    # The packet at the seam is damaged, because its count begins again; nothing else is missing.
    steps = np.diff(seconds)
    assert (steps > 0).all() and (np.isclose(steps, 1 / 25, atol=1e-3).sum() >= len(steps) - 1)
    assert steps.max() < 0.1


def test_pictures_without_times_get_those_of_their_arrival():
    with http_camera([jpeg(64, 48, number) for number in range(12)], fps=20) as camera:
        (_, frames), *_ = recorded(StreamSource(parse_source(camera.address)))[0]
    seconds = [each for _, each, _ in frames]
    assert (np.diff(seconds) > 0).all() and seconds[-1] - seconds[0] < 5


def test_a_rate_that_the_header_did_not_know_is_measured_once():
    rate = MeasuredRate(25.0)
    for number in range(FRAMES + 1):
        assert not rate.has_changed
        rate.note(number / 10)
    assert rate.has_changed and rate.measured == pytest.approx(10)
    again = MeasuredRate(10.0)
    for number in range(3 * FRAMES):
        again.note(number / 10)
    assert not again.has_changed


def test_an_answer_that_is_no_video_is_one_line_without_the_address(tmp_path):
    with http_camera([], body=b"<html>password please</html>" * 50) as camera:
        place = tmp_path / "secret"
        place.write_text(camera.address.replace("http://", "http://user:geheim@") + "?token=T0K3N")
        place.chmod(0o600)
        with pytest.raises(SourceLost) as lost:
            StreamSource(parse_source(f"@{place}")).next()
    said = str(lost.value)
    assert said and "\n" not in said
    assert not any(secret in said for secret in ("geheim", "T0K3N", "user", "/video"))


def test_a_stream_cannot_lead_to_files_of_this_machine(tmp_path):
    (tmp_path / "inside.ts").write_bytes(transport_stream(0, 10))
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{tmp_path}/inside.ts\n#EXT-X-ENDLIST\n"
    with http_camera([], body=playlist.encode()) as camera, pytest.raises(SourceLost):
        StreamSource(parse_source(camera.address)).next()


@pytest.mark.parametrize("hidden", ["sound alone", "damage alone"])
def test_a_camera_that_sends_no_picture_any_more_is_lost(hidden, monkeypatch):
    """By a clock that goes on a second whenever it is looked at: the stream is over before a real second."""
    clock = count()
    monkeypatch.setattr(stream_source, "time", type("Clock", (), {"monotonic": lambda: float(next(clock))}))
    body = bytearray(transport_stream(0, 3, sound=0 if hidden == "damage alone" else 100))
    if hidden == "damage alone":
        damaged = bytearray(transport_stream(1, 100))
        for start in range(0, len(damaged), 188):
            damaged[start + 1] |= 0x80  # the transport error of a packet
        body += damaged
    with http_camera([], body=bytes(body)) as camera:
        found, why = recorded(StreamSource(parse_source(camera.address)))
    assert 1 <= sum(len(frames) for _, frames in found) <= 3
    assert why == "it sent no whole picture for 30 s"


@pytest.mark.parametrize("drawn", ["lowest", "highest"])
def test_a_lost_camera_is_tried_again_no_later_than_said(drawn, monkeypatch):
    monkeypatch.setattr(capture_module, "FIRST_WAIT", 20.0)
    monkeypatch.setattr(capture_module.random, "uniform", min if drawn == "lowest" else max)
    with http_camera([], body=b"") as camera:
        address = camera.address
    capture = Capture(camera_at(address), threading.Event())  # nobody is there any more
    capture.start()
    try:
        wait_until(lambda: capture.connection == "lost")
        seconds = capture.detail.rpartition("tried again in ")[2]
        assert seconds == ("20 s" if drawn == "lowest" else "15 s")
    finally:
        capture.close()
        capture.join(5)


def test_a_camera_with_colours_that_cannot_be_converted_is_tried_again():
    with http_camera([], body=transport_stream(0, 5, matrix=14)) as camera:
        capture = Capture(camera_at(camera.address), threading.Event())
        capture.start()
        try:
            wait_until(lambda: capture.connection in ("lost", "ended"))
            assert "with matrix 14 of ITU-T H.273) cannot be converted" in capture.detail
            wait_until(lambda: camera.clients >= 2 or capture.connection == "ended")
        finally:
            capture.close()
            capture.join(10)
    assert camera.clients >= 2 and not capture.failed


def test_pictures_that_are_too_large_are_refused_by_their_size(monkeypatch):
    monkeypatch.setattr(stream_source, "MOST_PIXELS", 64 * 48 - 1)
    with http_camera([], body=transport_stream(0, 5)) as camera, pytest.raises(SourceLost) as lost:
        StreamSource(parse_source(camera.address)).next()
    assert str(lost.value) == "its pictures have 64x48 pixels; 3071 are read at most"
