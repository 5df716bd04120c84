"""What a video file is encoded as, asked in a process that may die: decoders crash on hostile files."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from extract.runtime.foreign.regular_file import check_regular
from extract.runtime.foreign.sandbox import in_sandbox


def codec_of(path: Path) -> tuple[str, str]:
    """(codec, pixel format) of the first video in a file. Raises ForeignFileError."""
    found = check_regular(path, expected="a video")
    return _known(path, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=256)
def _known(path: Path, _size: int, _changed: int) -> tuple[str, str]:
    # Kept, because the app asks again at every click, each time from a new thread and so in a new process.
    codec, pixel_format = in_sandbox(read_codec, path, kind="a video")
    return codec, pixel_format


def read_codec(path: str) -> list[str]:
    """As codec_of, in this process, which the file may crash."""
    import av

    with av.open(path, options={"protocol_whitelist": "file"}) as container:
        codec = container.streams.video[0].codec_context
        return [codec.name, codec.pix_fmt or ""]
