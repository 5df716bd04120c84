"""Files that nobody should have to read, and small sound ones to damage."""

from __future__ import annotations

import io
import os
import pickle
import socket
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np


def _socket(path: Path) -> None:
    # The names of sockets are short, so it is bound in its folder.
    here = os.getcwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    finally:
        os.chdir(here)


# What stands under a name -> how it is made. None is a file of any kind that we read.
IRREGULAR: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "zeros": lambda path: path.symlink_to("/dev/zero"),
    "folder": lambda path: path.mkdir(),
    "socket": _socket,
    "link to nothing": lambda path: path.symlink_to("not-there"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "missing": lambda _path: None,
}
CONTENTS: dict[str, bytes] = {
    "empty": b"",
    "zeros": bytes(600),
    "text": b"these are no numbers\n",
    "page": b"<!DOCTYPE html><html><body>404</body></html>",
    "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
    "pickle": pickle.dumps({"a": [1, 2]}, protocol=4),
    "pickle of code": b"cos\nsystem\n(S'echo started >STARTED'\ntR.",
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n",
    "deep": b"[" * 5_000,
    "escapes": b"\x1b[2J\x1b]0;title\x07" * 9,
    "bytes": bytes(range(256)) * 3,
}


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npy_header(text: str, numbers: bytes = b"") -> bytes:
    """An .npy file with any header."""
    header = text.encode("latin1").ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + numbers


def npz(array: np.ndarray, packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packing) as archive:
        archive.writestr("a.npy", npy(array))
    return file.getvalue()


def damaged(content: bytes) -> Iterator[bytes]:
    """The content cut at every length, then with each byte flipped."""
    yield from (content[:length] for length in range(len(content)))
    for place in range(len(content)):
        yield content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]
