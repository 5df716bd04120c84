"""The error for a file of someone else that cannot be used, and a context that turns any error into it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from extract.runtime.foreign.printable import printable

LONGEST_REASON = 300  # characters of what a parser says
LONGEST_LINE = 1000  # characters of a whole reason, which may name what the file holds


class ForeignFileError(ValueError):
    """A file that cannot be used: `path`, and `reason` without the path. str() is one line with both."""

    def __init__(self, path: Path | str, reason: str):
        self.path, self.reason = Path(path), printable(reason[:LONGEST_LINE])
        super().__init__(f"{printable(str(path))}: {self.reason}")

    def __reduce__(self):
        return type(self), (self.path, self.reason)


class ReaderTimedOut(ForeignFileError):
    """A file whose reader did not end in the sandbox."""


@contextlib.contextmanager
def reading(path: Path | str, kind: str) -> Iterator[None]:
    """Turn whatever a parser raises into a ForeignFileError.

    kind: what the file should be, such as "an .npy file".

    Parsers raise nearly every class for hostile bytes: RuntimeError, KeyError, TypeError, OverflowError,
    RecursionError, MemoryError, struct.error, zlib.error, BadZipFile, TokenError, csv.Error, UnicodeError.
    """
    try:
        yield
    except ForeignFileError:
        raise
    except FileNotFoundError:
        raise ForeignFileError(path, "no such file") from None
    except MemoryError:
        raise ForeignFileError(path, f"needs more memory than there is to be read as {kind}") from None
    except Exception as error:
        # Late, because it looks at the file again and most reads succeed.
        from extract.runtime.foreign.file_kinds import mistaken_for

        found = mistaken_for(path, kind)
        raise ForeignFileError(path, f"cannot be read as {kind}: {found or one_line(error)}") from None


def one_line(error: BaseException) -> str:
    """The text of an error in one printable line, or the name of its class if it has none."""
    if isinstance(error, OSError) and error.strerror:
        return printable(error.strerror)
    text = " ".join(re.split(r"\s+", str(error)))[:LONGEST_REASON].strip()
    return printable(text) or type(error).__name__
