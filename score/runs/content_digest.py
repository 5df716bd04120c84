"""A digest of plain values and tensors that does not depend on how a file keeps them."""

from __future__ import annotations

import hashlib
import struct
from typing import Any

import torch
from torch import Tensor

DEEPEST = 32  # levels of values in values; ours have seven
# Values at most, because one that a file states once may appear in any number of places.
MOST_VALUES = 20_000_000


def content_digest(values: dict) -> str:
    """sha256 over types, keys in sorted order, shapes and raw bytes: "sha256:..." of 64 digits.

    Raises ValueError for values of other types, deeper than 32 levels, or more than 20 million of them.
    """
    digest = _Digest()
    digest.add(values, 0)
    return f"sha256:{digest.hash.hexdigest()}"


class _Digest:
    def __init__(self) -> None:
        self.hash, self.count = hashlib.sha256(), 0

    def add(self, value: Any, level: int) -> None:
        self.count += 1
        if level > DEEPEST or self.count > MOST_VALUES:
            raise ValueError("its values are too many, or too deep in each other")
        if value is None or isinstance(value, bool):
            self._part(b"o", str(value).encode())
        elif isinstance(value, int):
            self._part(b"i", b"%d" % value if value.bit_length() < 128 else hex(value).encode())
        elif isinstance(value, float):
            self._part(b"f", struct.pack("<d", value))
        elif isinstance(value, str):
            self._part(b"s", str(value).encode(errors="surrogatepass"))
        elif isinstance(value, Tensor):
            self._tensor(value)
        elif isinstance(value, (list, tuple)):
            self._part(b"l", b"%d" % len(value))
            for each in value:
                self.add(each, level + 1)
        elif isinstance(value, dict):
            self._part(b"d", b"%d" % len(value))
            for key in sorted(value, key=_rank):
                self.add(key, level + 1)
                self.add(value[key], level + 1)
        else:
            raise ValueError(f"it holds {type(value).__name__}, expected plain values and tensors")

    def _tensor(self, rows: Tensor) -> None:
        if (
            rows.layout != torch.strided
            or rows.numel() * rows.element_size() > rows.untyped_storage().nbytes()
        ):
            raise ValueError("it holds a tensor with fewer numbers than its shape states")
        self._part(b"t", f"{rows.dtype} {list(rows.shape)}".encode())
        content = rows.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        self.hash.update(content.numpy().data)

    def _part(self, kind: bytes, content: bytes) -> None:
        # With its length, so that no two sequences of parts have the same bytes.
        self.hash.update(b"%s%d:" % (kind, len(content)))
        self.hash.update(content)


def _rank(key: Any) -> tuple[str, Any]:
    if not isinstance(key, (str, int)):
        raise ValueError(f"it has a key that is {type(key).__name__}, expected a name or a number")
    return type(key).__name__, key
