"""Decode video files and folders of images in child processes that can be killed at any time."""

from extract.decode.decode_events import (
    DecodeReport,
    FramesDecoded,
    SegmentsDescribed,
    VideoEnded,
    VideoFailed,
    VideoOpened,
    VideoRestarted,
)
from extract.decode.decode_settings import DecodeJob, DecodeSettings
from extract.decode.pool import DecodePool
from extract.decode.sources import Source, SourceError, find_source

__all__ = [
    "DecodeJob",
    "DecodePool",
    "DecodeReport",
    "DecodeSettings",
    "FramesDecoded",
    "SegmentsDescribed",
    "Source",
    "SourceError",
    "VideoEnded",
    "VideoFailed",
    "VideoOpened",
    "VideoRestarted",
    "find_source",
]
