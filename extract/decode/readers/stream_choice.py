"""Which of a file's video streams is read: one rule for the header, both decoders and the provenance."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

from extract.decode.open_video import ReadError

# Codecs of single images. A cover is a stream of one of them with one picture, marked as a cover or not.
IMAGE_CODECS = frozenset("mjpeg png bmp gif webp tiff jpeg2000 jpegls targa".split())
SURELY_A_VIDEO = 100  # pictures that a header states; some count a single one several times
LOOK_PACKETS = 2000  # within which a stream that is a video has its second picture


@dataclass(frozen=True)
class StreamChoice:
    """index: of the stream in the file, as ffprobe counts. others: indices of the video streams left out."""

    index: int
    others: tuple[int, ...] = ()
    covers: tuple[int, ...] = ()


def choose_stream(container, wanted: int | None = None) -> StreamChoice:
    """The stream to read: `wanted`, else the default one, else the largest, else the first; never a cover.

    wanted: index of a stream in the file. Where several streams are marked as default, as in most MP4 files,
    the largest of them is read. Raises ReadError without a video stream, or if there is no such one.
    """
    from av.stream import Disposition

    # FFmpeg gives no codec context for a codec that it does not know, as in a damaged header.
    streams = [each for each in container.streams.video if each.codec_context is not None]
    if container.streams.video and not streams:
        raise ReadError("has a video stream of an unknown codec")
    covers = _covers(container, streams)
    videos = [each for each in streams if each.index not in covers]
    if wanted is not None:
        if wanted not in [each.index for each in streams]:
            known = ", ".join(str(each.index) for each in streams) or "none"
            raise ReadError(f"has no video stream {wanted}; its video streams are {known}")
        return StreamChoice(wanted, tuple(each.index for each in streams if each.index != wanted))
    if not videos:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        found = "a cover picture" if covers else kinds
        raise ReadError(f"has no video stream, only {found}")
    default = [each for each in videos if each.disposition & Disposition.default]
    chosen = max(default or videos, key=lambda each: (each.width * each.height, -each.index))
    return StreamChoice(chosen.index, tuple(each.index for each in videos if each is not chosen), covers)


def _covers(container, streams: list) -> tuple[int, ...]:
    """Indices of the streams that are a picture beside a video: marked as one, or a single image."""
    from av.stream import Disposition

    marked = Disposition.attached_pic | Disposition.still_image
    covers = [each.index for each in streams if each.disposition & marked]
    unmarked = [each for each in streams if each.index not in covers]
    images = [each for each in unmarked if each.codec_context.name in IMAGE_CODECS]
    if len(unmarked) > 1 and images:
        doubtful = [each.index for each in images if each.frames < SURELY_A_VIDEO]
        single = [index for index, number in _pictures(container, doubtful).items() if number < 2]
        if len(single) < len(unmarked):
            covers += single
    return tuple(sorted(covers))


def _pictures(container, indices: list[int]) -> dict[int, int]:
    """Index of a stream -> how many pictures it has, counted to 2.

    Headers do not show it: ASF gives every stream the same duration, and AVI counts empty packets.
    """
    from extract.decode.container import silent_container

    pictures = dict.fromkeys(indices, 0)
    if not indices:
        return pictures
    # Opened once more, because reading packets moves on in the file.
    with silent_container(Path(container.name)) as again:
        for packet in itertools.islice(again.demux(list(again.streams.video)), LOOK_PACKETS):
            if packet.size and packet.stream_index in pictures:
                pictures[packet.stream_index] += 1
                if min(pictures.values()) > 1:
                    break
    return pictures
