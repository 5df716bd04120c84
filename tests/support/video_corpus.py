"""Small videos with every defect, written at test time, and decoders that misbehave on purpose.

Every frame shows its number as a row of black and white bars, so that a test can check which frames came.
"""

import contextlib
import ctypes
import os
import signal
import struct
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from extract.decode.pyav_reader import open_pyav

BITS = 10
AV1_ENCODERS = ("libaom-av1", "libsvtav1")


def paint(number: int, width: int = 160, height: int = 96) -> np.ndarray:
    """uint8 [H, W, 3]: bars of the number's bits in the upper half, a moving shade of colour in the lower."""
    bits = (number >> np.arange(BITS)) & 1
    columns = np.arange(width) * BITS // width
    frame = np.empty((height, width, 3), np.uint8)
    frame[: height // 2] = np.where(bits[columns], 230, 25)[None, :, None]
    shade = 60 + (np.arange(width) * 100 // width + number * 3) % 120
    frame[height // 2 :] = np.stack([shade, 220 - shade, np.full(width, 128)], axis=1)[None]
    return frame


def number_of(frame: np.ndarray) -> int:
    """The number painted on a frame."""
    height, width = frame.shape[:2]
    row = frame[height // 8 : height // 3].mean(axis=(0, 2))
    middles = ((np.arange(BITS) + 0.5) * width / BITS).astype(int)
    return int(((row[middles] > 127) << np.arange(BITS)).sum())


def write_video(
    path: Path,
    num_frames: int,
    *,
    width=160,
    height=96,
    codec="libx264",
    pix_fmt="yuv420p",
    times_ms=None,
    options=None,
    file_format=None,
    file_options=None,
) -> Path:
    """A video of painted frames 0 .. num_frames - 1, 25 per second. times_ms: timestamps instead."""
    with av.open(str(path), "w", format=file_format, options=file_options or {}) as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.codec_context.thread_count = 1
        if times_ms is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(num_frames):
            frame = av.VideoFrame.from_ndarray(paint(number, width, height), format="rgb24")
            if times_ms is not None:
                frame.pts, frame.time_base = times_ms[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_sound(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        for start in range(0, 44100, 1024):
            wave = np.sin(np.arange(start, start + 1024) / 20).astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            frame.rate, frame.pts = 44100, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_edit_list(path: Path, source: Path, skipped: int) -> None:
    """Copy a video so that its first `skipped` frames lie before time 0: players and PyAV hide them."""
    options = {"avoid_negative_ts": "disabled"}
    with av.open(str(source)) as before, av.open(str(path), "w", options=options) as after:
        old = before.streams.video[0]
        new = after.add_stream_from_template(old)
        shift = round(skipped / 25 / old.time_base)
        for packet in before.demux(old):
            if packet.dts is not None:
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, new
                after.mux(packet)


def turn(path: Path, quarters: int = 1) -> None:
    """Set the display matrix of an mp4 file to this many clockwise quarter turns."""
    cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarters]
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40
    data[matrix : matrix + 36] = struct.pack(
        ">9i", cosine << 16, sine << 16, 0, -sine << 16, cosine << 16, 0, 0, 0, 1 << 30
    )
    path.write_bytes(data)


def damage(path: Path, source: Path, *, keep: float = 1.0, hole: tuple[float, float] | None = None) -> None:
    """Copy the first part of a file. keep: which fraction; hole: two fractions between which bytes become
    zero."""
    data = bytearray(source.read_bytes())
    if hole is not None:
        begin, end = (int(len(data) * part) for part in hole)
        data[begin:end] = bytes(end - begin)
    path.write_bytes(data[: int(len(data) * keep)])


def flip_bytes(path: Path, source: Path) -> None:
    """Copy a video with one wrong byte in every tenth packet: it decodes, with complaints."""
    data = bytearray(source.read_bytes())
    with av.open(str(source)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    for packet in packets[5::10]:
        data[packet.pos + packet.size * 2 // 3] ^= 0xFF
    path.write_bytes(data)


def write_pictures(folder: Path, numbers, *, prefix="", suffix=".png", width=160, height=96) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        Image.fromarray(paint(number, width, height)).save(folder / f"{prefix}{number}{suffix}")


def make_corpus(root: Path) -> None:
    """Write all of them below one folder; CASES and FAILURES say what each must give."""
    first = {"movflags": "+faststart"}
    busy = {"x264-params": "keyint=25:bframes=2", "crf": "10"}
    whole = write_video(root / "whole.mp4", 120, options=busy, file_options=first)
    (root / "empty.mp4").touch()
    (root / "text.mp4").write_text("this is no video\n" * 50)
    damage(root / "truncated.mp4", whole, keep=0.6)
    flip_bytes(root / "flipped.mp4", whole)
    damage(root / "hole.mp4", whole, hole=(0.5, 0.8))
    late = write_video(root / "late.mp4", 60)
    damage(root / "lost_index.mp4", late, keep=0.7)
    late.unlink()
    write_sound(root / "sound.mp4")
    write_video(root / "one.mp4", 1)
    write_video(root / "short.mp4", 5)
    times = np.cumsum([20, 90, 40, 10, 140] * 12) - 20
    write_video(root / "variable.mkv", 60, times_ms=[int(time) for time in times])
    damage(root / "cut_variable.mkv", root / "variable.mkv", keep=0.6)
    write_video(root / "odd.mp4", 12, width=321, height=241, pix_fmt="yuv444p")
    write_video(root / "turned.mp4", 12)
    turn(root / "turned.mp4")
    write_video(root / "stream.ts", 300, options={"x264-params": "keyint=60:bframes=3"}, file_format="mpegts")
    bidirectional = {"bf": "2", "g": "15"}
    write_video(root / "old.ts", 150, codec="mpeg2video", options=bidirectional, file_format="mpegts")
    write_edit_list(root / "edited.mp4", whole, skipped=40)
    write_video(root / "Überfall 日本.mp4", 8)
    write_video(root / ("n" * 240 + ".mp4"), 8)
    write_video(root / "LOUD.MP4", 8)
    (root / "folder.mp4").mkdir()
    write_pictures(root / "pictures", range(1, 13), prefix="frame_")
    write_pictures(root / "gap", [0, 1, 2, 5, 6, 7], prefix="img")
    write_pictures(root / "mixed", range(4))
    Image.fromarray(paint(4, 80, 48)).save(root / "mixed" / "4.png")
    write_pictures(root / "shared", range(0, 200, 10), prefix="a_")
    write_pictures(root / "shared", range(0, 70, 10), prefix="ab_")
    write_pictures(root / "cut_picture", range(4))
    damage(root / "cut_picture" / "2.png", root / "cut_picture" / "2.png", keep=0.5)
    (root / "nothing").mkdir()
    for encoder in filter(has_encoder, AV1_ENCODERS):
        with kept_scheduling():
            write_video(root / "newest.mp4", 10, codec=encoder)
        break


@contextlib.contextmanager
def kept_scheduling():
    """Takes back the real-time priority 99 that libsvtav1, run by root, gives the calling thread for good.

    Its children would inherit it, and a browser that spins then takes whole cores from everything else.
    """
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    before = os.sched_getscheduler(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, before, os.sched_param(0))


def has_encoder(name: str) -> bool:
    try:
        av.codec.Codec(name, "w")
    except av.codec.codec.UnknownCodecError:
        return False
    return True


# video id -> numbers painted on the frames that come
CASES = {
    "whole": range(120),
    "one": range(1),
    "short": range(5),
    "variable": range(60),
    "odd": range(12),
    "stream": range(300),
    "old": range(150),
    "edited": range(40, 120),
    "Überfall 日本": range(8),
    "n" * 240: range(8),
    "LOUD": range(8),
    "pictures": range(1, 13),
    "gap": (0, 1, 2, 5, 6, 7),
    "shared/a": range(0, 200, 10),
    "shared/ab": range(0, 70, 10),
}
# video id -> stage of the failure and some words of its reason
FAILURES = {
    "empty": ("find", "is empty (0 bytes)"),
    "text": ("open", "Invalid data found"),
    "lost_index": ("open", "Invalid data found"),
    "truncated": ("decode", "Invalid data found"),
    "hole": ("decode", "Invalid data found"),
    "cut_variable": ("decode", "stops early:"),
    "sound": ("open", "no video stream, only audio"),
    "folder": ("find", "is a folder, expected a video file"),
    "mixed": ("decode", "0.png is 160x96, but 4.png is 80x48"),
    "cut_picture": ("decode", "2.png cannot be read"),
    "nothing": ("find", "folder without frames"),
    "absent": ("find", "no video file"),
    "nowhere/absent": ("find", "no folder nowhere"),
    "m" * 300: ("find", "longer than the file system allows"),
    "../whole": ("find", "not a path below"),
    "/whole": ("find", "not a path below"),
}


def open_or_hang(source, read_ahead_bytes):
    """Never returns and keeps the interpreter lock, as decord does on some files."""
    if "hang" in source.video_id:
        ctypes.PyDLL(None).sleep(10**6)
    return open_pyav(source, read_ahead_bytes)


def open_or_die(source, read_ahead_bytes):
    """Crashes as a native library does."""
    if "die" in source.video_id:
        os.write(2, b"about to crash\n")
        os.kill(os.getpid(), signal.SIGSEGV)
    return open_pyav(source, read_ahead_bytes)


def open_then_die(source, read_ahead_bytes):
    """Crashes after some frames."""
    video = open_pyav(source, read_ahead_bytes)

    def pictures():
        for picture in video.frames:
            if picture.frame_index == 50:
                os.kill(os.getpid(), signal.SIGKILL)
            yield picture

    return _with(video, frames=pictures(), decoder="fragile")


def open_and_mark(source, read_ahead_bytes):
    """Leaves a file <id>.opened beside the video."""
    source.path.with_suffix(".opened").touch()
    return open_pyav(source, read_ahead_bytes)


def open_slowly(source, read_ahead_bytes):
    """Slow, but moving: longer than the stall time in total, but never between two frames."""
    video = open_pyav(source, read_ahead_bytes)

    def pictures():
        for picture in video.frames:
            time.sleep(0.5)
            yield picture

    return _with(video, frames=pictures())


def open_without_torch(source, read_ahead_bytes):
    loaded = {"torch", "torchvision", "pytest"} & set(sys.modules)
    if loaded:
        raise RuntimeError(f"the worker imported {sorted(loaded)}")
    return open_pyav(source, read_ahead_bytes)


def _with(video, **changes):
    return type(video)(**{**vars(video), **changes})
