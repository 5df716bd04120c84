"""What a parser does that hostile bytes took over, for the sandbox; each gets the path of the file."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
import time

import numpy as np

from extract.store.header_summary import _headers_in_sandbox


def crash(_path: str) -> None:
    ctypes.string_at(0)


def crash_beside(_path: str, paths: list[str], spec: str) -> list:
    """The headers of feature files, unless one of them has the name of a file that crashes."""
    if any(path.endswith("crash.h5") for path in paths):
        ctypes.string_at(0)
    return _headers_in_sandbox(_path, paths, spec)


def leave(_path: str) -> None:
    os._exit(3)


def sleep(_path: str, seconds: float) -> None:
    time.sleep(seconds)


def fill_memory(_path: str, amount: int) -> int:
    return len(bytearray(amount))


def environment(_path: str) -> dict:
    return dict(os.environ)


def write(_path: str, target: str) -> None:
    with open(target, "wb") as file:
        file.write(b"taken over")


def remove(path: str) -> None:
    os.remove(path)


def make_folder(_path: str, target: str) -> None:
    os.mkdir(target)


def start_program(_path: str) -> int:
    return subprocess.run([sys.executable, "-c", ""], check=True).returncode


def connect(_path: str, port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=5).close()


def same(_path: str, value: object) -> object:
    return value


def arrays(_path: str) -> dict:
    return {"\udcff\x1b": [np.arange(6, dtype=">i2").reshape(2, 3), np.zeros((0, 3))], "none": None}


def object_of_ours(_path: str) -> object:
    return object()


def forged(_path: str) -> None:
    raise ValueError("first\nerror: forged \x1b[31m" + "long" * 1000)
