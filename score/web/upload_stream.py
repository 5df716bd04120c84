"""The body of a request -> a file, as it comes: never whole in memory, and never more than allowed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from extract.runtime.atomic import writing
from extract.runtime.foreign.regular_file import size_text
from score.jobs.uploads import safe_name

STALL_SECONDS = 60.0  # without a byte
MAX_FIELD_BYTES = 1 << 16  # of a multipart body besides the video


class BodyError(ValueError):
    """A body is refused; the text is one line. status: of the answer."""

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status = status


def announced_size(request: Request) -> int | None:
    """The length that a request states, None without one. Raises BodyError if it is no number."""
    stated = request.headers.get("content-length")
    if stated is None:
        return None
    if not (stated.isascii() and stated.isdigit()):
        raise BodyError(400, "Content-Length is no number")
    return int(stated)


async def save_body(request: Request, folder: Path, *, name: str, largest: int) -> tuple[Path, str, int]:
    """Write the video of a request into a folder, under a harmless name. Returns (file, name, bytes).

    The body is the video, called `name`, or multipart/form-data with one file, which states its own name.
    largest: bytes of the video. Raises BodyError, and OSError as for a full disk.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    form = _Form(options.get(b"boundary", b"")) if kind == b"multipart/form-data" else None
    await run_in_threadpool(folder.mkdir, parents=True, exist_ok=True)
    path, size = folder, 0
    with ExitStack() as stack:
        file: IO[bytes] | None = None
        async for chunk in _chunks(request):
            for data in [chunk] if form is None else form.video_in(chunk):
                if file is None and data:
                    # The name in a form is known when its first bytes come.
                    path = folder / safe_name(name if form is None else form.name)
                    partial = stack.enter_context(writing(path, durable=False))
                    file = stack.enter_context(open(partial, "wb"))
                size += len(data)
                if size > largest:
                    raise BodyError(413, too_large(largest))
                if file is not None:
                    await run_in_threadpool(file.write, data)
        if form is not None and not form.is_complete:
            raise BodyError(
                400, "the form holds no file, or was cut off; send one file, as curl -F video=@FILE"
            )
        if file is None:
            raise BodyError(400, "the video is empty (0 bytes)")
    return path, name if form is None else form.name, size


def too_large(largest: int) -> str:
    return (
        f"the video is larger than {size_text(largest)}, the limit here; cut it, or score it with vad-score "
        "predict"
    )


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    stream = request.stream()
    while True:
        try:
            yield await asyncio.wait_for(anext(stream), STALL_SECONDS)
        except StopAsyncIteration:
            return
        except asyncio.TimeoutError:
            raise BodyError(408, f"nothing came for {STALL_SECONDS:g} s; send it again") from None
        except ClientDisconnect:
            raise BodyError(400, "the connection ended before the video was complete") from None


class _Form:
    """Finds the one file of a multipart body. name: of that file."""

    def __init__(self, boundary: bytes):
        if not boundary:
            raise BodyError(400, "multipart/form-data without a boundary")
        self.name, self.files, self.is_complete = "", 0, False
        self._field, self._value, self._headers = b"", b"", {}
        self._in_file, self._other = False, 0
        self._found: list[bytes] = []
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._on_field,
                "on_header_value": self._on_value,
                "on_header_end": self._on_header,
                "on_headers_finished": self._on_headers,
                "on_part_data": self._on_data,
                "on_end": self._on_end,
            },
        )

    def video_in(self, chunk: bytes) -> Iterator[bytes]:
        """What a piece of the body holds of the video. Raises BodyError."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise BodyError(400, f"the form cannot be read ({' '.join(str(error).split())[:200]})") from None
        found, self._found = self._found, []
        yield from found

    def _begin(self) -> None:
        self._headers, self._in_file = {}, False

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]
        self._count(end - start)

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._count(end - start)

    def _on_header(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def _on_headers(self) -> None:
        stated = self._headers.get(b"content-disposition", b"")
        # Older clients write names beyond ASCII as RFC 5987 has them, which the parser passes over.
        stated = re.sub(rb"(?i)(?<=;) *filename\*=utf-8''([^;\s]*)", _plain_name, stated, count=1)
        _, options = parse_options_header(stated)
        if b"filename" in options:
            self._in_file, self.files = True, self.files + 1
            if self.files > 1:
                raise BodyError(400, "the form has several files; send one video a request")
            self.name = options[b"filename"].decode("utf-8", "replace")

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._found.append(data[start:end])
        else:
            self._count(end - start)

    def _on_end(self) -> None:
        self.is_complete = self.files == 1

    def _count(self, size: int) -> None:
        self._other += size
        if self._other > MAX_FIELD_BYTES:
            raise BodyError(413, "the form holds too much besides the video")


def _plain_name(found: re.Match[bytes]) -> bytes:
    """filename*=utf-8''A%20B -> filename="A B"."""
    return b'filename="' + re.sub(rb'[\\";]', b"_", unquote_to_bytes(found[1])) + b'"'
