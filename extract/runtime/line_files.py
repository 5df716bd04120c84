"""Files that grow by lines: each is complete, whoever else appends and whatever kills a writer."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from extract.runtime.atomic import writing
from extract.runtime.file_lock import lock_exclusively


def append_line(path: Path | str, line: str) -> None:
    """Append a complete line, even with several writers, and even after a line that was cut off.

    Raises OSError with the name of the file; the file is then as it was before.
    """
    try:
        with _locked(path, os.O_RDWR | os.O_APPEND | os.O_CREAT) as file:
            _append(file, line)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def replace_lines(path: Path | str, keeps: Callable[[bytes], bool]) -> None:
    """Leave out the lines, line break included, for which `keeps` is False.

    Nothing that others append meanwhile is lost, and readers see the old file or the new one. Raises OSError.
    """
    with _locked(path, os.O_RDONLY) as file, writing(Path(path)) as partial, open(partial, "wb") as new:
        with open(file, "rb", closefd=False) as old:
            new.writelines(line for line in old if keeps(line))


@contextlib.contextmanager
def _locked(path: Path | str, flags: int) -> Iterator[int]:
    """A file that no other process appends to or replaces."""
    while True:
        file = os.open(path, flags, 0o666)
        try:
            lock_exclusively(file, str(path))
            if _is_at(path, file):
                yield file
                return
        finally:
            os.close(file)


def _is_at(path: Path | str, file: int) -> bool:
    """Whether an open file is still the one at its path, and not one that was replaced."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(file))
    except FileNotFoundError:
        return False


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
