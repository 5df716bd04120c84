"""Which of a file's video streams is read: one rule for the header, both decoders and the provenance."""

from __future__ import annotations

from dataclasses import dataclass

from extract.decode.open_video import ReadError

# Codecs of single images. A cover is a stream of one of them with one picture, marked as a cover or not.
IMAGE_CODECS = frozenset("mjpeg png bmp gif webp tiff jpeg2000 jpegls targa".split())
COVER_SECONDS = 0.5  # a stream of images that is shorter than this beside a video holds a single picture


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
    covers = tuple(each.index for each in streams if _is_cover(each, streams))
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


def _is_cover(stream, streams: list) -> bool:
    """Whether a stream is a picture beside a video: marked as one, or a single image."""
    from av.stream import Disposition

    if stream.disposition & (Disposition.attached_pic | Disposition.still_image):
        return True
    if len(streams) == 1 or stream.codec_context.name not in IMAGE_CODECS:
        return False
    if stream.frames:
        return stream.frames == 1
    others = [each for each in streams if each is not stream and each.codec_context.name not in IMAGE_CODECS]
    return bool(others) and not _lasts(stream)


def _lasts(stream) -> bool:
    """Whether a stream of images states that it lasts as a video does."""
    from extract.decode.container import tagged_seconds

    if stream.duration is not None and stream.time_base:
        return float(stream.duration * stream.time_base) > COVER_SECONDS
    return (tagged_seconds(stream) or 0.0) > COVER_SECONDS
