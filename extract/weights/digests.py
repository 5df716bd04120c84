"""Verifying that a file is the published one: by git blob id, start of its sha256, or sha256 when fetched."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.regular_file import open_regular
from extract.runtime.foreign.text_files import read_text
from extract.weights.error import WeightsError
from extract.weights.files import packaged_file
from extract.weights.known import KnownWeights

BLOCK = 1 << 20
RECORD_BYTES = 1 << 10


def git_blob_id(path: Path) -> str:
    """Git's id of a file's content, which its repository publishes: sha1 over a header and the bytes."""
    return _hexdigest(path, lambda size: hashlib.sha1(b"blob %d\0" % size))


def sha256(path: Path) -> str:
    return _hexdigest(path, lambda _size: hashlib.sha256())


def record_path(path: Path) -> Path:
    """The file next to a fetched one without a published digest that records its sha256."""
    return path.with_name(path.name + ".sha256")


def check_file(path: Path, known: KnownWeights) -> str:
    """Which digest identifies the file, in words. Raises WeightsError if it is not the published file."""
    if known.git_blob:
        _compare("git blob id", git_blob_id(path), known.git_blob, path=path, known=known)
        return f"git blob id {known.git_blob}"
    found = sha256(path)
    if known.sha256_prefix:
        _compare("sha256", found[: len(known.sha256_prefix)], known.sha256_prefix, path=path, known=known)
        is_whole = len(known.sha256_prefix) == len(found)
        return f"sha256 {found}" if is_whole else f"sha256 starts with {known.sha256_prefix}"
    if record_path(path).is_file():
        try:
            recorded = read_text(record_path(path), largest=RECORD_BYTES).strip()
        except ForeignFileError as error:
            raise WeightsError(str(error)) from None
        _compare("sha256", found, recorded, path=path, known=known)
        return f"sha256 {found}, unchanged since it was fetched (its publisher states no digest)"
    return f"nothing published to compare with; sha256 {found}"


def _compare(kind: str, found: str, expected: str, *, path: Path, known: KnownWeights) -> None:
    if found != expected:
        again = known.reinstall() if path == packaged_file(known) else "remove it to fetch it again"
        raise WeightsError(
            f"{path} is not the published {known.name}: its {kind} is {found}, expected {expected}; "
            f"{again}, or give its path as weights to use it anyway"
        )


def _hexdigest(path: Path, start: Callable[[int], Any]) -> str:
    """start: from the file's size to a new digest. Raises WeightsError."""
    try:
        file = open_regular(path, expected="a file of weights")
    except ForeignFileError as error:
        raise WeightsError(str(error)) from None
    with file:
        digest = start(os.fstat(file.fileno()).st_size)
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
