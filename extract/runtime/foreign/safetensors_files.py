"""Files of the safetensors format: a JSON header of names, types, shapes and places, then the numbers.

https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from extract.runtime.foreign.foreign_error import ForeignFileError, reading
from extract.runtime.foreign.regular_file import open_regular, size_text

SAFETENSORS = "a safetensors file"
LENGTH_BYTES = 8  # of the header's length, little-endian
LARGEST_HEADER = 100_000_000  # bytes, the limit of the format
# The format's types -> torch's; those of 4 to 8 bits hold no published weights.
TYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}


def is_safetensors(path: Path | str) -> bool:
    """Whether the first bytes are the length of a header and its opening brace."""
    with open_regular(path, expected="a file of weights") as file:
        start = file.read(LENGTH_BYTES + 1)
    length = int.from_bytes(start[:LENGTH_BYTES], "little")
    return start[LENGTH_BYTES:] == b"{" and 2 <= length <= LARGEST_HEADER


def read_safetensors(path: Path | str) -> dict[str, Any]:
    """Name -> tensor on the CPU. Raises ForeignFileError, also for places that overlap or leave the file."""
    import torch

    with open_regular(path, expected=SAFETENSORS) as file, reading(path, SAFETENSORS):
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(LENGTH_BYTES), "little")
        if not 2 <= length <= min(LARGEST_HEADER, size - LENGTH_BYTES):
            raise ForeignFileError(path, f"states a header of {size_text(length)} in {size_text(size)}")
        header = json.loads(file.read(length))
        if not isinstance(header, dict):
            raise ForeignFileError(path, "has a header that is no JSON object")
        header.pop("__metadata__", None)
        numbers = size - LENGTH_BYTES - length
        entries = {name: _entry(path, name, value, numbers) for name, value in header.items()}
        _check_places(path, entries)
        tensors = {}
        for name, (kind, shape, start, stop) in entries.items():
            file.seek(LENGTH_BYTES + length + start)
            content = bytearray(file.read(stop - start))
            flat = (
                torch.frombuffer(content, dtype=getattr(torch, kind))
                if content
                else torch.empty(0, dtype=getattr(torch, kind))
            )
            tensors[name] = flat.reshape(shape)
        return tensors


def _entry(path: Path | str, name: str, value: Any, numbers: int) -> tuple[str, list[int], int, int]:
    """(type, shape, start, stop) of one tensor. numbers: bytes after the header."""
    import torch

    kind = TYPES.get(value["dtype"])
    if kind is None:
        raise ForeignFileError(path, f"{name!r:.80} is of type {value['dtype']!r:.20}, which is not read")
    shape, (start, stop) = value["shape"], value["data_offsets"]
    if not all(type(each) is int and each >= 0 for each in (*shape, start, stop)):
        raise ForeignFileError(
            path, f"{name!r:.80} has the shape {shape!r:.80} at {start!r:.20} to {stop!r:.20}"
        )
    stated = math.prod(shape) * getattr(torch, kind).itemsize
    if not start <= stop <= numbers or stop - start != stated:
        raise ForeignFileError(
            path,
            f"{name!r:.80} of {size_text(stated)} lies at {start} to {stop} of {size_text(numbers)}",
        )
    return kind, shape, start, stop


def _check_places(path: Path | str, entries: dict[str, tuple[str, list[int], int, int]]) -> None:
    """Raise ForeignFileError for two tensors at one place: small files could stand for any number of them."""
    places = sorted((start, stop, name) for name, (_, _, start, stop) in entries.items() if stop > start)
    for (_, before, _), (start, _, name) in zip(places, places[1:], strict=False):
        if start < before:
            raise ForeignFileError(path, f"{name!r:.80} overlaps another tensor")
