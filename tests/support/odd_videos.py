"""Small videos of the kinds that people have: containers, codecs, clocks, streams, cuts, orientations.

ROWS is the table: name -> how the file is made and what must come of it.
"""

from __future__ import annotations

import functools
import shutil
import struct
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from support.video_corpus import damage, paint, turn, write_pictures, write_video

SMALL, LARGE = (64, 48), (96, 64)
HOUR = 3_600_000  # milliseconds
FRAMES = 8


class CannotMake(Exception):
    """This build has no encoder, or no ffmpeg program, for the row."""


@dataclass(frozen=True)
class Row:
    """A file and what must come of it.

    make: writes it. count: how many frames come; None = as many as the independent decoder gives. step: of
    times that are repaired or nominal; None = the independent decoder's. stream: which one is read.
    turned: what is shown of a decoded picture. repeats: every frame is the first one. refused: words of the
    reason. repaired: words about the clock.
    """

    make: Callable[[Path], object]
    count: int | None = None
    step: float | None = None
    stream: int = 0
    others: tuple[int, ...] = ()
    turned: Callable[[np.ndarray], np.ndarray] | None = None
    repeats: bool = False
    refused: str = ""
    repaired: str = ""


def video(codec: str, pix_fmt: str = "yuv420p", *, size=SMALL, count=FRAMES, **more) -> Callable:
    """A writer of one plain video."""

    def make(path: Path) -> Path:
        try:
            return write_video(
                path, count, codec=codec, pix_fmt=pix_fmt, width=size[0], height=size[1], **more
            )
        except av.codec.codec.UnknownCodecError as error:
            raise CannotMake(str(error)) from None

    return make


def streams(*specs: tuple, sound_seconds: float = 0.0) -> Callable:
    """specs: (codec, pixel format, numbers painted, size) of each stream; then a sound track."""

    def make(path: Path) -> None:
        with av.open(str(path), "w") as container:
            made = []
            for codec, pix_fmt, numbers, (width, height) in specs:
                stream = container.add_stream(codec, rate=25)
                stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
                made.append((stream, numbers, (width, height)))
            sound = None
            if sound_seconds:
                name = "mp2" if path.suffix in (".ts", ".mpg", ".avi", ".asf") else "aac"
                sound = container.add_stream(name, rate=44100, layout="mono")
            for stream, numbers, size in made:
                for place, number in enumerate(numbers):
                    frame = av.VideoFrame.from_ndarray(paint(number, *size), format="rgb24")
                    frame.pts, frame.time_base = place, Fraction(1, 25)
                    container.mux(stream.encode(frame))
                container.mux(stream.encode())
            if sound is not None:
                kind = "s16" if sound.codec_context.name == "mp2" else "fltp"
                for start in range(0, int(44100 * sound_seconds), 1152):
                    silence = np.zeros((1, 1152), np.int16 if kind == "s16" else np.float32)
                    frame = av.AudioFrame.from_ndarray(silence, format=kind, layout="mono")
                    frame.rate, frame.pts = 44100, start
                    container.mux(sound.encode(frame))
                container.mux(sound.encode())

    return make


def cut(make: Callable, keep: float = 0.6) -> Callable:
    """The first part of a file."""

    def broken(path: Path) -> None:
        make(path)
        damage(path, path, keep=keep)

    return broken


def joined(first: Callable, second: Callable) -> Callable:
    """Two files in one, as `cat` writes them."""

    def make(path: Path) -> None:
        parts = []
        for writer in (first, second):
            writer(path)
            parts.append(path.read_bytes())
        path.write_bytes(b"".join(parts))

    return make


def shown(make: Callable, matrix: tuple[int, int, int, int] | int) -> Callable:
    """With a display matrix: (a, b, c, d), or clockwise quarter turns."""

    def turned(path: Path) -> None:
        make(path)
        if isinstance(matrix, int):
            turn(path, matrix)
            return
        data = bytearray(path.read_bytes())
        at = data.index(b"tkhd") + 4 + 40
        a, b, c, d = (each << 16 for each in matrix)
        data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
        path.write_bytes(data)

    return turned


def remuxed(make: Callable, suffix: str, shift: int = 0) -> Callable:
    """Packets of another container, `shift` frames earlier."""

    def make_other(path: Path) -> None:
        before = path.with_name("before" + suffix)
        make(before)
        options = {"avoid_negative_ts": "disabled"} if shift else {}
        with av.open(str(before)) as old, av.open(str(path), "w", options=options) as new:
            given = old.streams.video[0]
            copy = new.add_stream_from_template(given)
            ticks = round(shift / 25 / given.time_base)
            for packet in old.demux(given):
                if packet.dts is not None:
                    packet.pts, packet.dts, packet.stream = packet.pts - ticks, packet.dts - ticks, copy
                    new.mux(packet)
        before.unlink()

    return make_other


def by_ffmpeg(*arguments: str) -> Callable:
    """By the ffmpeg program, which has encoders that PyAV's wheel lacks."""

    def make(path: Path) -> None:
        program = shutil.which("ffmpeg")
        if program is None:
            raise CannotMake("no ffmpeg program")
        done = subprocess.run(
            [program, "-v", "error", "-nostdin", "-y", *arguments, path.name],
            cwd=path.parent,
            capture_output=True,
        )
        if done.returncode:
            raise CannotMake(f"ffmpeg cannot write {path.name}")

    return make


def exif_folder(path: Path) -> None:
    path.mkdir()
    for number in range(4):
        exif = Image.Exif()
        exif[0x0112] = 6  # shown after a quarter turn clockwise
        Image.fromarray(paint(number, *SMALL)).save(path / f"{number}.png", exif=exif)


def archive(path: Path) -> None:
    folder = path.with_suffix("")
    write_pictures(folder, range(4), width=SMALL[0], height=SMALL[1])
    with zipfile.ZipFile(path, "w") as file:
        for each in sorted(folder.iterdir()):
            file.write(each, each.name)
    shutil.rmtree(folder)


def folder(*prefixes: str, suffix: str = ".png") -> Callable:
    def make(path: Path) -> None:
        for prefix in prefixes:
            write_pictures(path, range(4), prefix=prefix, suffix=suffix, width=SMALL[0], height=SMALL[1])

    return make


X264 = functools.partial(video, "libx264", options={"g": "4", "bf": "0", "preset": "ultrafast"})
XB = functools.partial(video, "libx264", options={"g": "8", "bf": "2", "preset": "ultrafast"})
LATE = {"times_ms": [2 * HOUR + 40 * number for number in range(FRAMES)]}
PAUSE = {"times_ms": [40 * number + (HOUR if number >= 4 else 0) for number in range(FRAMES)]}
UNEVEN = {"times_ms": [0, 20, 110, 150, 160, 300, 320, 420]}
SLOW = {"times_ms": [5000 * number for number in range(FRAMES)]}
LAST_WAITS = {"times_ms": [0, 40, 80, 120, 160, 200, 9200, 9240]}
LAPSE = {"times_ms": [0, 15000, 31000, 43000, 60000, 77000, 90000, 106000]}
PART = ("libx264", "yuv420p", range(FRAMES), SMALL)
COVER = ("mjpeg", "yuvj420p", [50], LARGE)
OLD = ("mpeg4", "yuv420p", range(FRAMES), SMALL)
WINDOWS = ("wmv2", "yuv420p", range(FRAMES), SMALL)
LONG = {"count": 40}
JUMP, NOMINAL = "jumps taken out", "without a time"

ROWS: dict[str, Row] = {
    # containers and codecs
    "x264.mp4": Row(X264()),
    "bidirectional.mp4": Row(XB()),
    "mpeg4.mp4": Row(video("mpeg4")),
    "x265.mp4": Row(video("libx265", options={"preset": "ultrafast", "x265-params": "log-level=none"})),
    "vp9.mp4": Row(video("libvpx-vp9", options={"cpu-used": "8", "deadline": "realtime"})),
    "x264.mov": Row(X264()),
    "prores.mov": Row(video("prores_ks", "yuv422p10le")),
    "mjpeg.mov": Row(video("mjpeg", "yuvj420p")),
    "png.mov": Row(video("png", "rgb24")),
    "x264.m4v": Row(X264()),
    "x264.mkv": Row(XB()),
    "ffv1.mkv": Row(video("ffv1")),
    "mpeg4.mkv": Row(video("mpeg4")),
    "vp8.mkv": Row(video("libvpx")),
    "vp8.webm": Row(video("libvpx")),
    "vp9.webm": Row(video("libvpx-vp9", options={"cpu-used": "8", "deadline": "realtime"})),
    "mpeg4.avi": Row(video("mpeg4")),
    "mjpeg.avi": Row(video("mjpeg", "yuvj420p")),
    "raw.avi": Row(video("rawvideo")),
    "huffyuv.avi": Row(video("huffyuv", "yuv422p")),
    "ffv1.avi": Row(video("ffv1")),
    "msmpeg4.avi": Row(video("msmpeg4v2")),
    "wmv1.wmv": Row(video("wmv1")),
    "wmv2.asf": Row(video("wmv2")),
    "flv1.flv": Row(video("flv")),
    "x264.flv": Row(X264()),
    "x264.ts": Row(XB()),
    "mpeg2.m2ts": Row(video("mpeg2video", file_format="mpegts")),
    "mpeg1.mpg": Row(video("mpeg1video")),
    "mpeg2.mpg": Row(video("mpeg2video", options={"bf": "2"})),
    "mpeg2.vob": Row(video("mpeg2video")),
    "mpeg2.mxf": Row(video("mpeg2video")),
    "vp8.ogv": Row(video("libvpx")),
    "gif.gif": Row(video("gif", "rgb8")),
    "y4m.y4m": Row(video("rawvideo", file_format="yuv4mpegpipe")),
    "h263.3gp": Row(video("h263", size=(176, 144))),
    "theora.ogv": Row(
        by_ffmpeg("-f", "lavfi", "-i", "testsrc=size=64x48:rate=25:duration=0.4", "-c:v", "libtheora")
    ),
    "theora_still.ogv": Row(
        by_ffmpeg("-f", "lavfi", "-i", "color=red:size=96x64:rate=25:duration=1", "-c:v", "libtheora"),
        count=25,
        step=1 / 25,
        repeats=True,
    ),
    # streams
    "cover_first.mp4": Row(streams(COVER, PART), stream=1),
    "cover_last.mp4": Row(streams(PART, COVER)),
    "cover_first.mov": Row(streams(COVER, PART), stream=1),
    "cover_first.mkv": Row(streams(COVER, PART), stream=1),
    "cover_last.mkv": Row(streams(PART, COVER)),
    "cover_first.avi": Row(streams(COVER, OLD), stream=1),
    "cover_last.avi": Row(streams(OLD, COVER)),
    "cover_first.asf": Row(streams(COVER, WINDOWS), stream=1),
    "cover_last.asf": Row(streams(WINDOWS, COVER)),
    "two.mkv": Row(streams(PART, ("libx264", "yuv420p", range(40, 44), LARGE)), stream=1, others=(0,)),
    "two.mp4": Row(streams(PART, ("libx264", "yuv420p", range(40, 44), LARGE)), others=(1,)),
    # clocks
    "uneven.mkv": Row(X264(**UNEVEN)),
    "last_waits.mp4": Row(XB(**LAST_WAITS)),
    "uneven.mp4": Row(X264(**UNEVEN)),
    "uneven.flv": Row(video("flv", **UNEVEN)),
    "slow.mkv": Row(X264(**SLOW)),
    "slow.mp4": Row(X264(**SLOW)),
    "lapse.mkv": Row(X264(**LAPSE)),
    "lapse.flv": Row(video("flv", **LAPSE)),
    "late.mkv": Row(X264(**LATE)),
    "late.asf": Row(video("wmv2", **LATE)),
    "pause.mp4": Row(X264(**PAUSE), step=1 / 25, repaired=JUMP),
    "pause.mkv": Row(X264(**PAUSE), step=1 / 25, repaired=JUMP),
    "pause.asf": Row(video("wmv2", **PAUSE), step=1 / 25, repaired=JUMP),
    "forward.ts": Row(joined(X264(**LONG), X264(**LATE)), count=48, step=1 / 25, repaired=JUMP),
    "back.ts": Row(joined(X264(**LATE), X264(**LONG)), count=48, step=1 / 25, repaired=JUMP),
    "again.ts": Row(joined(X264(**LONG), X264(**LONG)), count=80, step=1 / 25, repaired=JUMP),
    "again.mpg": Row(joined(*2 * [video("mpeg2video", **LONG)]), count=80, step=1 / 25, repaired=JUMP),
    "again.vob": Row(joined(*2 * [video("mpeg2video", **LONG)]), count=80, step=1 / 25, repaired=JUMP),
    "again.mkv": Row(joined(X264(**LONG), X264(**LONG)), count=80, step=1 / 25, repaired=JUMP),
    "raw.h264": Row(X264(file_format="h264"), step=1 / 25, repaired=NOMINAL),
    "raw.hevc": Row(
        video(
            "libx265", options={"preset": "ultrafast", "x265-params": "log-level=none"}, file_format="hevc"
        ),
        step=1 / 25,
        repaired=NOMINAL,
    ),
    "raw.m2v": Row(video("mpeg2video", file_format="mpeg2video"), step=1 / 25),
    "edited.mp4": Row(remuxed(X264(), ".mp4", shift=4), count=4),
    # breaking off
    "lost_index.mp4": Row(cut(X264()), refused="Invalid data found"),
    "cut.mp4": Row(cut(X264(file_options={"movflags": "+faststart"}), 0.8), refused="Invalid data found"),
    "cut.mov": Row(cut(X264(file_options={"movflags": "+faststart"}), 0.8), refused="Invalid data found"),
    "fragments.mp4": Row(
        cut(X264(file_options={"movflags": "frag_keyframe+empty_moov"}), 0.9), refused="Invalid data found"
    ),
    "cut.mkv": Row(cut(X264(**LONG), 0.8), refused="stops early"),
    "cut.webm": Row(cut(video("libvpx", **LONG), 0.8), refused="stops early"),
    "cut.avi": Row(cut(video("mpeg4", **LONG), 0.7), refused="stops early"),
    "cut.asf": Row(cut(video("wmv2", **LONG), 0.7), refused="that its header states"),
    "cut.flv": Row(cut(video("flv", **LONG), 0.7), refused="flv"),
    "cut.mxf": Row(cut(video("mpeg2video", **LONG), 0.6), refused="stops early"),
    "cut.ogv": Row(cut(video("libvpx", **LONG), 0.7), refused="the file has no end mark"),
    "cut.gif": Row(cut(video("gif", "rgb8"), 0.7), refused="the file has no end mark"),
    "cut.y4m": Row(cut(video("rawvideo", file_format="yuv4mpegpipe"), 0.7), refused="that its header states"),
    # a sound track that is longer than the picture
    "sound.mp4": Row(streams(PART, sound_seconds=3)),
    "sound.mkv": Row(streams(PART, sound_seconds=3)),
    "sound.avi": Row(streams(OLD, sound_seconds=3)),
    "sound.asf": Row(streams(WINDOWS, sound_seconds=3)),
    "sound.ts": Row(streams(PART, sound_seconds=3)),
    "sound.flv": Row(streams(("flv", "yuv420p", range(FRAMES), SMALL), sound_seconds=3), stream=1),
    # pixels
    "interlaced.mp4": Row(video("libx264", options={"flags": "+ildct+ilme", "x264-params": "tff=1"})),
    "interlaced.mpg": Row(video("mpeg2video", options={"flags": "+ildct+ilme"})),
    "ten_bits.mp4": Row(X264("yuv420p10le")),
    "chroma422.mp4": Row(X264("yuv422p")),
    "chroma444.mp4": Row(X264("yuv444p")),
    "full_range.mp4": Row(X264("yuvj420p")),
    "bt709.mp4": Row(video("libx264", options={"colorspace": "bt709"})),
    "bt2020.mp4": Row(video("libx264", options={"colorspace": "bt2020nc"})),
    "odd.mkv": Row(video("ffv1", size=(65, 47))),
    "ycgco.mp4": Row(video("libx264", options={"colorspace": "ycgco"}), refused="cannot be converted"),
    # orientation
    "quarter.mp4": Row(shown(X264(), 1), turned=lambda rgb: np.rot90(rgb, -1)),
    "half.mov": Row(shown(X264(), 2), turned=lambda rgb: np.rot90(rgb, 2)),
    "mirrored.mp4": Row(shown(X264(), (-1, 0, 0, 1)), turned=lambda rgb: rgb[:, ::-1]),
    "transposed.mov": Row(shown(X264(), (0, 1, 1, 0)), turned=lambda rgb: rgb.transpose(1, 0, 2)),
    "quarter.mkv": Row(remuxed(shown(X264(), 1), ".mp4"), turned=lambda rgb: np.rot90(rgb, -1)),
    # folders of frames
    "exif": Row(exif_folder, turned=lambda rgb: np.rot90(rgb, -1)),
    "archive.zip": Row(archive),
    "plain": Row(folder("")),
    "webp": Row(folder("", suffix=".webp")),
    "two_kinds": Row(folder("img_", "flow_x_"), refused="holds images of two kinds"),
}
