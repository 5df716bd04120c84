"""Files that commands write: each is new, or an earlier result of its own kind, and never anything else.

It is easy to type a wrong path, and what a result would replace may be the only copy. So a result carries a
mark, and only a file with the mark of its kind is replaced.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from data_lists.file_names import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from extract.runtime.atomic import is_stream
from extract.runtime.foreign.file_kinds import what_it_is
from extract.runtime.foreign.regular_file import open_regular
from extract.runtime.say import results_on_stdout
from extract.store.store_files import STORE_FILE

HEAD_BYTES = 1 << 16  # in which a mark stands
TAIL_BYTES = 1 << 12  # at the end of an MP4 file's index, in which the comment stands
MAX_BOXES = 64  # that an MP4 file is expected to begin with
SOFTWARE = "vad-pipeline"
STDOUT = Path("/dev/stdout")
# Kind -> what every file of it begins with, or holds near its beginning.
MARKS = {
    "prediction JSON": rb'\A\{\s*"format_version": \d+,\s*"model": \{',
    "prediction CSV": rb"\Avideo,start_frame,stop_frame,start_seconds,end_seconds,peak_score,",
    "scores CSV": rb"\Avideo,start_frame,stop_frame,start_seconds,end_seconds,score\n",
    "prediction VTT": rb"\AWEBVTT\s+NOTE anomalies in ",
    "evaluation JSON": rb'\A\{(?s:.)*"anomalous_videos": \d+,',
    "match JSON": rb'\A\{\s*"features": \{\s*"source": ',
    "page": rb"(?i)\A\s*<!doctype html>(?s:.){0,200}content=\"default-src 'none'; img-src data:",
    "trace": rb'\A\{"traceEvents": \[',
    "ONNX model": rb"\A\x08(?s:.)\x12\x09vad-score",
    "live scores": rb'\A\{"camera": "',
    "alerts": rb'\A\{"time": "\d{4}-\d\d-\d\dT',
    "regions JSON": rb'\A\{\s*"regions": \[',
    "boxes JSON": rb'\A\{"threshold": [^,]+, "percentile": [^,]+, "box": \["left", "top", ',
    "PNG figure": rb"\A\x89PNG(?s:.){0,4000}tEXtSoftware\0vad-pipeline",
    "SVG figure": rb"\A<\?xml(?s:.){0,4000}<dc:title>vad-pipeline</dc:title>",
    "list": rb"\A(\xef\xbb\xbf)?\W*video_id\b",
    "class texts": rb"\A\x89HDF(?s:.){0,4000}vad-pipeline class texts",
    "alert video": rb"vad-pipeline alert video",
    "annotated video": rb"vad-pipeline annotated video",
    "heatmap video": rb"vad-pipeline heatmap video",
    "scene video": rb"vad-pipeline scene video",
    "flow video": rb"vad-pipeline flow video",
}
VIDEO_KINDS = tuple(kind for kind in MARKS if kind.endswith("video"))
# Parts of a trained run; the first two show that there is one.
RUN_FILES = ("checkpoint.pt", "resume.pt", "config.yaml", "metrics.jsonl")


class OutputError(ValueError):
    """A result would replace something else; the message is a single line for the user."""


class OutputFile(click.Path):
    """The type of an option that names a file to write, "-" for standard output. kind: key of MARKS."""

    def __init__(self, kind: str):
        super().__init__(path_type=Path, dir_okay=False)
        self.kind = kind
        assert kind in MARKS, kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        if value == "-" and ctx is not None:
            ctx.with_resource(results_on_stdout())
            return STDOUT
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        check_output(path, self.kind, option=_option(param))
        return path


class WritingCommand(click.Command):
    """A command whose results are compared with everything else that its command line names.

    Before it begins: a result that is an input, by whatever name or link, or that two options name, raises
    OutputError.
    """

    def invoke(self, ctx: click.Context) -> Any:
        kinds = {each.name: each for each in self.params if isinstance(each.type, OutputFile)}
        results = [(_option(kinds[name]), ctx.params[name]) for name in kinds if ctx.params.get(name)]
        inputs = [path for name, value in ctx.params.items() if name not in kinds for path in _paths(value)]
        check_apart(results, inputs)
        return super().invoke(ctx)


def check_apart(results: Iterable[tuple[str, Path]], inputs: Iterable[Path]) -> None:
    """Raise OutputError if a result, (option, path), is one of the inputs or another result."""
    read = {_identity(path): path for path in inputs} | {None: None}
    seen: dict[Path, str] = {}
    for option, path in results:
        if is_stream(path):
            continue
        if (found := read.get(_identity(path))) is not None:
            raise OutputError(f"{option} {path} would overwrite the input {found}; choose another path")
        if (other := seen.setdefault(Path(os.path.realpath(path)), option)) != option:
            raise OutputError(f"{option} and {other} name the same file {path}; give each its own")


def check_output(path: Path, kind: str, *, option: str = "") -> None:
    """Raise OutputError if something stands at a path that is not an earlier result of this kind.

    kind: key of MARKS. option: for the message. Streams, such as /dev/stdout, and empty files are fine.
    """
    if is_stream(path) or not os.path.lexists(path):
        return
    if what := precious(Path(os.path.realpath(path)), kind):
        named = f"{option} {path}".lstrip()
        raise OutputError(f"{named} is {what}, which this would replace; name another file")


def check_output_folder(folder: Path, *, option: str) -> None:
    """Raise OutputError for a feature store and for a folder inside one. option: for the message."""
    whole = Path(os.path.realpath(folder))
    for place in (whole, *whole.parents):
        if (place / STORE_FILE).is_file():
            raise OutputError(f"{option} {folder} lies in the feature store {place}; choose another folder")


def precious(path: Path, kind: str) -> str | None:
    """What a file is that no result of a kind may replace; None for an earlier result, or no file."""
    if path.is_dir():
        return "a folder"
    if not path.exists():  # a link to nowhere
        return None
    if path.name in RUN_FILES and any((path.parent / name).exists() for name in RUN_FILES[:2]):
        return "a part of a trained run"
    for folder in path.parents:
        if (folder / STORE_FILE).is_file():
            return f"a part of the feature store {folder}"
    if not path.stat().st_size or carries_mark(path, kind):
        return None
    suffix = path.suffix.lower()
    if suffix in (".h5", ".hdf5"):
        return "an HDF5 file"
    if suffix in VIDEO_SUFFIXES:
        return "a video"
    if suffix in IMAGE_SUFFIXES:
        return "an image"
    known = (what_it_is(path) or "").removeprefix("it is ")
    return f"{known or 'a file'} that is no {kind}"


def carries_mark(path: Path, kind: str) -> bool:
    """Whether a file has the mark of a kind."""
    with open_regular(path) as file:
        if kind in VIDEO_KINDS:
            content = _end_of_index(file)
        else:
            content = file.read(HEAD_BYTES)
    return re.search(MARKS[kind], content) is not None


def video_comment(kind: str) -> dict[str, str]:
    """The metadata of an MP4 file of a kind."""
    assert kind in VIDEO_KINDS, kind
    return {"comment": f"{SOFTWARE} {kind}"}


def marked_png(content: bytes) -> bytes:
    """A PNG file with our mark."""
    after_header = 8 + 25  # the signature, and the chunk that every PNG file begins with
    text = b"tEXt" + b"Software\0" + SOFTWARE.encode()
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    return content[:after_header] + chunk + content[after_header:]


def _end_of_index(file) -> bytes:
    """The last bytes of the box `moov` of an MP4 file, b"" if there is none."""
    end, place = os.fstat(file.fileno()).st_size, 0
    for _ in range(MAX_BOXES):
        file.seek(place)
        head = file.read(16)
        if len(head) < 8:
            return b""
        size, name = struct.unpack_from(">I4s", head)
        if size == 1 and len(head) == 16:
            (size,) = struct.unpack_from(">Q", head, 8)
        if size < 8 or place + size > end:
            return b""
        if name == b"moov":
            file.seek(max(place, place + size - TAIL_BYTES))
            return file.read(min(size, TAIL_BYTES))
        place += size
    return b""


def _identity(path: Path) -> tuple[int, int] | None:
    """What two names of one file share; None for a folder, and where nothing is."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return None if os.path.isdir(path) else (found.st_dev, found.st_ino)


def _paths(value: Any) -> Iterable[Path]:
    """What the value of a parameter may name: itself, and what follows an equals sign."""
    if isinstance(value, (tuple, list)):
        for each in value:
            yield from _paths(each)
    elif isinstance(value, Path):
        yield value
    elif isinstance(value, str):
        yield Path(value)
        if "=" in value:
            yield Path(value.partition("=")[2])


def _option(parameter: click.Parameter | None) -> str:
    return "" if parameter is None else max(parameter.opts, key=len)
