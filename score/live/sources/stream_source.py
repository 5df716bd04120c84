"""A network stream or a webcam through PyAV: RTSP over TCP, MJPEG and video over HTTP, V4L2.

FFmpeg's log is off, because it names addresses; damage is seen in packets and frames. A stream that changes
its resolution or its rate ends one recording and begins another.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from functools import partial

from extract.decode.container import CONTAINERS, rates
from extract.decode.open_video import NOMINAL_FPS, DecodedFrame
from extract.decode.pyav_reader import new_reformatter, rgb_of
from extract.decode.readers.clock import Clock
from extract.runtime.foreign.foreign_error import one_line
from extract.runtime.foreign.pictures import MOST_PIXELS
from score.live.address import Address
from score.live.sources.frame_source import Recording, SourceLost
from score.live.sources.measured_rate import MeasuredRate

OPEN_SECONDS, READ_SECONDS = 10.0, 10.0
# Without a single frame, after which the connection is given up. A camera that saves bytes sends a picture
# that needs no other one every 20 s, and until then all of a new connection is damaged.
PICTURE_SECONDS = 30.0
# What each kind may lead to: an answer of a camera cannot make us open files or other protocols.
RTSP = {"rtsp_transport": "tcp", "protocol_whitelist": "rtsp,rtsps,rtp,tcp,tls,srtp,crypto"}
HTTP = {
    "protocol_whitelist": "http,https,httpproxy,tcp,tls,crypto",
    "format_whitelist": ",".join(CONTAINERS),
}
TIMELESS = ("mpjpeg", "mjpeg")  # pictures one after another: a frame's time is that of its arrival
PROBING = {"analyzeduration": "1500000"}  # microseconds of the stream in which its rate is found
LARGEST = {"max_pixels": str(MOST_PIXELS)}  # while the stream is probed, and while it is decoded


class StreamSource:
    """One address, connected again with every recording."""

    def __init__(self, address: Address):
        self.address, self.damaged = address, 0
        self._container = None
        self._pending = None  # the next frame, of which the size decides to which recording it belongs
        self._rate = MeasuredRate(NOMINAL_FPS)

    def next(self) -> Recording:
        """Connect, unless the last recording ended by a change within the connection."""
        if self._container is None:
            self._container, self._connected_at = self._connected(), time.monotonic()
            # The mean rate of a connection that has just begun means nothing.
            stream = _video(self._container)
            self._rate = MeasuredRate(rates(stream)[1])
            self._frames = self._decoded(self._container, stream)
            self._pending = next(self._frames, None)
        if self._pending is None:
            self.close()
            raise SourceLost("it sends no picture")
        if self._rate.has_changed:
            self._rate = MeasuredRate(self._rate.measured or NOMINAL_FPS)
        return Recording(self._rate.fps, self._recording(self._rate))

    def close(self) -> None:
        container, self._container = self._container, None
        if container is not None:
            container.close()

    def _connected(self):
        import av
        import av.logging

        av.logging.set_level(None)
        kind = self.address.kind
        options = {"rtsp": RTSP, "http": HTTP}.get(kind, {})
        try:
            container = av.open(
                self.address.text,
                format="video4linux2,v4l2" if kind == "webcam" else None,
                options={**options, **LARGEST, **(PROBING if kind != "webcam" else {})},
                timeout=(OPEN_SECONDS, READ_SECONDS),
                metadata_errors="ignore",
            )
        except Exception as error:  # of FFmpeg, and of PyAV
            raise SourceLost(self._why(error)) from None
        try:
            _video(container)
        except SourceLost:
            container.close()
            raise
        return container

    def _decoded(self, container, stream) -> Iterator:
        """av frames that are whole. Raises SourceLost."""
        stream.thread_count = 1
        stream.codec_context.options = dict(LARGEST)
        last_good = time.monotonic()
        # All streams, because a camera may go on to send its sound alone.
        packets = container.demux()
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    raise SourceLost("it ended the stream")
                if time.monotonic() - last_good > PICTURE_SECONDS:
                    raise SourceLost(f"it sent no whole picture for {PICTURE_SECONDS:.0f} s")
                if packet.stream.index != stream.index:
                    continue
                if packet.is_corrupt:
                    self.damaged += 1
                    continue
                frames = packet.decode()
            except SourceLost:
                raise
            except Exception as error:  # of FFmpeg, and of PyAV
                self.damaged += _is_damage(error)
                if not _is_damage(error):
                    raise SourceLost(self._why(error)) from None
                continue
            for frame in frames:
                if frame.is_corrupt:
                    self.damaged += 1
                    continue
                last_good = time.monotonic()
                yield frame

    def _recording(self, rate: MeasuredRate) -> Iterator[DecodedFrame]:
        """The frames of one size and rate."""
        clock, index, size, reformatter = Clock(rate.fps), 0, None, new_reformatter()
        timeless = self._container is not None and self._container.format.name in TIMELESS
        while (frame := self._pending) is not None:
            size = size or (frame.width, frame.height)
            if (frame.width, frame.height) != size or rate.has_changed:
                return
            raw = math.nan if frame.pts is None else float(frame.pts * frame.time_base)
            if timeless:
                raw = time.monotonic() - self._connected_at
            start, end = clock.times(raw, raw + 1 / rate.fps)
            del clock.pieces[:-1]  # a stream that never ends must not keep them
            yield DecodedFrame(index, index + 1, start, end, partial(rgb_of, frame, size, reformatter))
            index += 1
            rate.note(start)
            self._pending = next(self._frames, None)

    def _why(self, error: Exception) -> str:
        from av.error import ExitError

        if isinstance(error, ExitError):
            return f"it sends nothing for {READ_SECONDS:.0f} s"
        # Only the system's or FFmpeg's own words: str(error) names the address.
        words = getattr(error, "strerror", None) or one_line(error)
        return self.address.redacted(str(words))


def _video(container):
    """The first video stream that can be decoded. Raises SourceLost."""
    videos = container.streams.video
    # FFmpeg gives no codec context for a codec that it does not know.
    known = [each for each in videos if each.codec_context is not None]
    if not known:
        raise SourceLost("its video has an unknown codec" if videos else "it has no video")
    width, height = known[0].codec_context.width, known[0].codec_context.height
    if width * height > MOST_PIXELS:
        raise SourceLost(f"its pictures have {width}x{height} pixels; {MOST_PIXELS} are read at most")
    return known[0]


def _is_damage(error: Exception) -> bool:
    from av import error as kinds

    return isinstance(error, (kinds.InvalidDataError, kinds.PatchWelcomeError, kinds.BugError))
