"""Files that grow by lines: each is complete, whoever else appends and whatever kills a writer."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from extract.runtime.file_lock import lock_exclusively


def append_line(path: Path | str, line: str) -> None:
    """Append a complete line, even with several writers, and even after a line that was cut off.

    Raises OSError with the name of the file; the file is then as it was before.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            # Several processes may append to one file.
            lock_exclusively(file, str(path))
            _append(file, line)
        finally:
            os.close(file)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _append(file: int, line: str) -> None:
    size = os.fstat(file).st_size
    cut_off = size and os.pread(file, 1, size - 1) != b"\n"
    data = ("\n" * bool(cut_off) + line + "\n").encode()
    try:
        # os.write may write a part only.
        while data:
            data = data[os.write(file, data) :]
    except BaseException:
        with contextlib.suppress(OSError):
            os.ftruncate(file, size)
        raise
