"""Opening a file that someone else made: a regular file, of a size that we are ready to read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from extract.runtime.foreign.foreign_error import ForeignFileError, one_line

KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a disk device"),
)
# Streams that only a user can name, as `--list <(command)` does; they are read although they are no files.
STREAMS = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")
# Read whole into memory at most; lists of a million videos have 100 MB.
TEXT_BYTES = 1 << 28


def open_regular(path: Path | str, *, largest: int | None = None, expected: str = "a file") -> BinaryIO:
    """Open for reading in binary. largest: bytes at most, None = any. Symbolic links are followed.

    Raises ForeignFileError for what is missing or forbidden, not a regular file, or larger.
    """
    # First by name, because opening some devices already does something; then what was opened.
    check_regular(path, largest=largest, expected=expected)
    try:
        # Without O_NONBLOCK, opening a pipe would wait for a writer; regular files ignore it.
        waits = 0 if _is_stream(path) else os.O_NONBLOCK
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | waits)
    except (OSError, ValueError) as error:
        raise ForeignFileError(path, _reason(path, error, expected)) from None
    try:
        _check(path, os.fstat(descriptor), largest=largest, expected=expected)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def check_regular(
    path: Path | str, *, largest: int | None = None, expected: str = "a file"
) -> os.stat_result:
    """As open_regular, for libraries that open by name. Returns what os.stat says."""
    try:
        found = os.stat(path)
    except (OSError, ValueError) as error:
        raise ForeignFileError(path, _reason(path, error, expected)) from None
    _check(path, found, largest=largest, expected=expected)
    return found


def read_regular(path: Path | str, *, largest: int = TEXT_BYTES, expected: str = "a file") -> bytes:
    """All bytes of a file. largest: bytes at most. Raises ForeignFileError."""
    with open_regular(path, largest=largest, expected=expected) as file:
        try:
            # The file may have grown since its size was checked.
            content = file.read(largest + 1)
        except OSError as error:
            raise ForeignFileError(path, f"cannot be read ({one_line(error)})") from None
    if len(content) > largest:
        raise _too_large(path, len(content), largest)
    return content


def present(paths: Iterable[Path]) -> list[Path]:
    """Those paths that are no folders; pipes and links to nothing too, which reading refuses by name."""
    return [path for path in paths if os.path.lexists(path) and not os.path.isdir(path)]


def size_text(size: int) -> str:
    """Bytes as people say them: 12 bytes, 3.4 MB."""
    value = float(size)
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{size} bytes" if unit == "bytes" else f"{value:.1f} {unit}"


def _check(path: Path | str, found: os.stat_result, *, largest: int | None, expected: str) -> None:
    if not stat.S_ISREG(found.st_mode) and not _is_stream(path):
        what = next((name for is_kind, name in KINDS if is_kind(found.st_mode)), "no regular file")
        raise ForeignFileError(path, f"is {what}, expected {expected}")
    if largest is not None and found.st_size > largest:
        raise _too_large(path, found.st_size, largest)


def _is_stream(path: Path | str) -> bool:
    return str(path).startswith(STREAMS)


def _too_large(path: Path | str, size: int, largest: int) -> ForeignFileError:
    return ForeignFileError(
        path, f"has {size_text(size)}, more than the {size_text(largest)} that are read at once"
    )


def _reason(path: Path | str, error: OSError | ValueError, expected: str) -> str:
    if isinstance(error, FileNotFoundError):
        return "a link to a file that does not exist" if os.path.islink(path) else "no such file"
    if isinstance(error, OSError) and error.errno in (
        6,
        102,
    ):  # ENXIO, EOPNOTSUPP: how sockets refuse to be opened
        return f"is a socket or a device, expected {expected}"
    return f"cannot be opened ({one_line(error)})"
