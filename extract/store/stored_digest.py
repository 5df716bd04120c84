"""SHA-256 of what a feature file says: of its attributes, and of the bytes of each array.

HDF5 has checksums of chunks, but none of the names, shapes, types, attributes and chunk tables around them.
A flipped bit there can give other numbers without any error.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np


class ArrayDigest:
    """The digest of an array that is added row by row, in order."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()

    def add(self, rows: np.ndarray) -> None:
        """rows: [n, ...], in the type of the file."""
        self._sha256.update(np.ascontiguousarray(rows).reshape(-1).view(np.uint8).data)

    def hexdigest(self) -> str:
        return self._sha256.hexdigest()


def digest_of_array(rows: np.ndarray) -> str:
    """The digest of a whole array."""
    digest = ArrayDigest()
    digest.add(rows)
    return digest.hexdigest()


def digest_of_attributes(attributes: Mapping[str, Any]) -> str:
    """The digest of names, types and values; values are int, float or str."""
    lines = [[name, type(value).__name__, _exact(value)] for name, value in sorted(attributes.items())]
    return digest_of_texts([json.dumps(lines)])


def digest_of_texts(texts: Iterable[str]) -> str:
    """The digest of texts in this order."""
    sha256 = hashlib.sha256()
    for text in texts:
        # A name that is not UTF-8 is kept as surrogates.
        content = text.encode("utf-8", "surrogateescape")
        sha256.update(len(content).to_bytes(8, "big") + content)
    return sha256.hexdigest()


def _exact(value: float | str) -> str:
    return value.hex() if isinstance(value, float) else str(value)
