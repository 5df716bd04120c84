"""Rules that both readers of video files follow: streams, orientation, stated sizes, pixels."""

import struct
from fractions import Fraction

import av
import numpy as np
import pytest

from extract.decode.container import open_container, read_header
from extract.decode.decord_reader import open_decord
from extract.decode.open_video import ReadError
from extract.decode.pyav_reader import open_pyav
from extract.decode.readers.orientation import upright
from extract.decode.readers.stated_size import cut_off
from extract.decode.sources import Source
from support.video_corpus import number_of, paint, write_video

ONE = 1 << 16  # of a display matrix
# (a, b, c, d) of a display matrix (ISO/IEC 14496-12: x' = ax + cy, y' = bx + dy) -> the same by NumPy.
TURNS = {
    (1, 0, 0, 1): lambda rgb: rgb,
    (0, 1, -1, 0): lambda rgb: np.rot90(rgb, -1),
    (-1, 0, 0, -1): lambda rgb: np.rot90(rgb, 2),
    (0, -1, 1, 0): lambda rgb: np.rot90(rgb, 1),
    (-1, 0, 0, 1): lambda rgb: rgb[:, ::-1],
    (1, 0, 0, -1): lambda rgb: rgb[::-1],
    (0, 1, 1, 0): lambda rgb: rgb.transpose(1, 0, 2),
    (0, -1, -1, 0): lambda rgb: np.rot90(rgb, 2).transpose(1, 0, 2),
}


def source(path, stream=None):
    return Source(path.stem, path, path.name, stream=stream)


def frames_of(reader, path, stream=None):
    return list(reader(source(path, stream), 1 << 30).frames)


def write_streams(path, streams):
    """streams: (codec, pix_fmt, frames per second, numbers painted, size)."""
    with av.open(str(path), "w") as container:
        made = []
        for codec, pix_fmt, fps, numbers, (width, height) in streams:
            stream = container.add_stream(codec, rate=fps)
            stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
            made.append((stream, fps, numbers, (width, height)))
        for stream, fps, numbers, size in made:
            for place, number in enumerate(numbers):
                frame = av.VideoFrame.from_ndarray(paint(number, *size), format="rgb24")
                frame.pts, frame.time_base = place, Fraction(1, fps)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    return path


SMALL, LARGE = (96, 64), (160, 96)


@pytest.mark.parametrize(
    ("streams", "chosen"),
    [
        ([("libx264", "yuv420p", 25, range(6), LARGE), ("libx264", "yuv420p", 10, range(40, 44), SMALL)], 0),
        ([("libx264", "yuv420p", 10, range(40, 44), SMALL), ("libx264", "yuv420p", 25, range(6), LARGE)], 1),
        ([("mjpeg", "yuvj420p", 25, [50], LARGE), ("libx264", "yuv420p", 25, range(6), SMALL)], 1),
        ([("libx264", "yuv420p", 25, range(6), SMALL), ("mjpeg", "yuvj420p", 25, [50], LARGE)], 0),
    ],
    ids=["large first", "large second", "cover first", "cover second"],
)
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_header_and_frames_come_from_the_same_stream_and_never_from_a_cover(
    tmp_path, streams, chosen, suffix
):
    path = write_streams(tmp_path / f"v{suffix}", streams)
    with open_container(path) as container:
        header = read_header(container)
    if suffix == ".mp4" and chosen == 1 and len(streams[0][3]) > 1:
        chosen = 0  # the muxer marks only the first stream as default
    _, _, fps, numbers, (width, height) = streams[chosen]
    assert (header.stream, header.fps, header.width, header.height) == (chosen, fps, width, height)
    assert [number_of(each.rgb()) for each in frames_of(open_pyav, path)] == list(numbers)
    with pytest.raises(ReadError, match="several video streams"):
        open_decord(source(path), 1 << 30)


def test_another_stream_can_be_asked_for(tmp_path):
    streams = [("libx264", "yuv420p", 25, range(6), LARGE), ("libx264", "yuv420p", 10, range(40, 44), SMALL)]
    path = write_streams(tmp_path / "v.mkv", streams)
    video = open_pyav(source(path, 1), 1 << 30)
    assert (video.stream, video.other_streams, video.fps) == (1, (0,), 10)
    assert [number_of(each.rgb()) for each in video.frames] == list(range(40, 44))
    with pytest.raises(ReadError, match="has no video stream 7; its video streams are 0, 1"):
        open_pyav(source(path, 7), 1 << 30)


@pytest.mark.parametrize("matrix", TURNS, ids=str)
def test_every_display_matrix_turns_and_mirrors(tmp_path, matrix):
    path = write_video(tmp_path / "v.mp4", 4)
    plain = frames_of(open_pyav, path)[0].rgb()
    content = path.read_bytes()
    at = content.index(b"tkhd") + 4 + 24 + 16  # to the matrix of a version-0 track header
    a, b, c, d = (each * ONE for each in matrix)
    path.write_bytes(content[:at] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30) + content[at + 36 :])
    expected = TURNS[matrix](plain)
    assert np.array_equal(upright(plain, matrix), expected)
    assert np.array_equal(frames_of(open_pyav, path)[0].rgb(), expected)
    if matrix == (1, 0, 0, 1):
        assert np.array_equal(frames_of(open_decord, path)[0].rgb(), expected)
    else:
        with pytest.raises(ReadError, match="turned or mirrored"):
            open_decord(source(path), 1 << 30)


@pytest.mark.parametrize(
    ("pix_fmt", "options", "refused"),
    [
        ("yuv420p", {}, ""),
        ("yuvj420p", {}, ""),
        ("yuv422p", {}, ""),
        ("yuv444p", {}, ""),
        ("yuv420p", {"colorspace": "bt709"}, ""),
        ("yuv420p", {"colorspace": "bt2020nc"}, ""),
        ("yuv420p", {"flags": "+ildct+ilme", "x264-params": "tff=1"}, "interlaced"),
        ("yuv420p10le", {}, "more than 8 bits"),
        ("yuv422p10le", {}, "more than 8 bits"),
    ],
    ids=lambda value: str(value),
)
def test_decord_gives_the_pixels_of_pyav_or_refuses(tmp_path, pix_fmt, options, refused):
    path = write_video(tmp_path / "v.mp4", 3, pix_fmt=pix_fmt, options=options)
    expected = [each.rgb() for each in frames_of(open_pyav, path)]
    if refused:
        with pytest.raises(ReadError, match=refused):
            open_decord(source(path), 1 << 30)
        return
    found = [each.rgb() for each in frames_of(open_decord, path)]
    assert len(found) == len(expected) and all(map(np.array_equal, found, expected))


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        *((".mkv", "libx264"), (".webm", "libvpx"), (".flv", "flv"), (".asf", "wmv2"), (".gif", "gif")),
        *((".avi", "mpeg4"), (".mp4", "mpeg4"), (".mov", "libx264"), (".mxf", "mpeg2video")),
        *((".y4m", "rawvideo"), (".ogv", "libvpx")),
    ],
)
def test_a_file_that_broke_off_has_fewer_bytes_than_its_header_states(tmp_path, suffix, codec):
    path = write_video(
        tmp_path / f"v{suffix}", 30, codec=codec, pix_fmt="rgb8" if codec == "gif" else "yuv420p"
    )
    assert cut_off(path) == ""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    assert "that its header states" in cut_off(path) or "no end mark" in cut_off(path)


def test_a_live_recording_states_no_size(tmp_path):
    path = write_video(tmp_path / "v.mkv", 30, file_options={"live": "1"})
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    assert cut_off(path) == ""


def test_a_file_of_half_a_second_less_is_short_only_if_bytes_are_missing(tmp_path):
    path = write_video(tmp_path / "v.mkv", 30, options={"g": "1"})
    whole = open_pyav(source(path), 1 << 30)
    assert whole.shortfall(29, 29 / 25) == "" and whole.shortfall(10, 10 / 25)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 9 // 10])
    cut = open_pyav(source(path), 1 << 30)
    count = len(list(cut.frames))
    assert 20 < count < 30
    assert "that its header states" in cut.shortfall(count, count / 25)


@pytest.mark.parametrize("suffix", [".mkv", ".asf", ".mp4"])
def test_a_clock_that_begins_at_two_hours_is_no_shortage(tmp_path, suffix):
    codec = "wmv2" if suffix == ".asf" else "libx264"
    times = [7_200_000 + 40 * number for number in range(10)]
    path = write_video(tmp_path / f"v{suffix}", 10, codec=codec, times_ms=times)
    for reader in (open_pyav, open_decord):
        video = reader(source(path), 1 << 30)
        frames = list(video.frames)
        assert [number_of(each.rgb()) for each in frames] == list(range(10))
        assert video.shortfall(10, frames[-1].end_seconds) == ""


def test_the_second_part_of_a_joined_file_is_read(tmp_path):
    path = write_video(tmp_path / "v.mkv", 8)
    path.write_bytes(2 * path.read_bytes())
    with pytest.raises(ReadError, match="joined of several, of which decord reads the first"):
        open_decord(source(path), 1 << 30)
    video = open_pyav(source(path), 1 << 30)
    assert [number_of(each.rgb()) for each in video.frames] == [*range(8), *range(8)]
    assert video.clock.repairs()


def test_a_stream_that_begins_after_the_others_does_not_end_the_video(tmp_path):
    path = write_video(tmp_path / "v.flv", 750, codec="flv", width=16, height=16, options={"g": "250"})
    sound = tmp_path / "sound.flv"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        for start in range(0, 44100, 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.rate, frame.pts = 44100, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    header = 13  # the header and the length of the tag before the first one
    path.write_bytes(path.read_bytes() + sound.read_bytes()[header:])
    video = open_pyav(source(path), 1 << 30)
    assert sum(1 for _ in video.frames) == 750


@pytest.mark.parametrize("front", [False, True], ids=["end", "front"])
@pytest.mark.parametrize(("suffix", "codec"), [(".avi", "mpeg4"), (".asf", "wmv2")])
def test_a_cover_larger_than_the_video_is_no_video_where_headers_hide_it(tmp_path, suffix, codec, front):
    streams = [(codec, "yuv420p", 25, range(6), SMALL), ("mjpeg", "yuvj420p", 25, [50], LARGE)]
    path = write_streams(tmp_path / f"v{suffix}", streams[::-1] if front else streams)
    video = open_pyav(source(path), 1 << 30)
    assert (video.stream, video.other_streams) == (int(front), ())
    assert len(list(video.frames)) == 6


def test_decord_is_refused_where_its_first_picture_is_another(tmp_path):
    path = write_video(tmp_path / "v.mkv", 3, codec="ffv1", height=95)
    with pytest.raises(ReadError, match="odd number of rows"):
        open_decord(source(path), 1 << 30)
    path = write_video(tmp_path / "w.avi", 3, codec="ffv1", pix_fmt="yuv410p")
    with pytest.raises(ReadError, match="colours that many pixels share"):
        open_decord(source(path), 1 << 30)
