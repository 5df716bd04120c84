"""Files with one secret, such as an address with a password, which only their owner may read."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.regular_file import open_regular
from extract.runtime.secret_variables import take

LONGEST = 8192  # bytes


def read_secret(file: Path | str, *, what: str) -> str:
    """The one line of a file. what: is expected there, such as "the webhook's address".

    Bytes outside ASCII become characters of Latin-1, which a check that follows can refuse. Raises
    ForeignFileError, without repeating the content, also for a file that other users can read.
    """
    with open_regular(file, largest=LONGEST, expected=f"a file with {what}") as opened:
        if os.fstat(opened.fileno()).st_mode & 0o077:
            raise ForeignFileError(
                file, f"other users of this machine can read it; run chmod 600 {shlex.quote(str(file))}"
            )
        content = opened.read(LONGEST)
    lines = content.decode("latin-1").split("\n")
    if any(line.strip() for line in lines[1:]):
        raise ForeignFileError(file, f"expected one line, {what}")
    return lines[0].strip()


def take_secret(file: Path | None, *, variable: str, option: str, what: str) -> str | None:
    """The secret in the file of an option, else in a variable, which is removed: no child inherits it.

    None for neither, or an empty variable. what: as for read_secret. Raises ValueError for both, and as
    read_secret.
    """
    value = take(variable)
    if file is None:
        return value or None
    if value:
        raise ValueError(f"{what} is given by {option} and by {variable}; unset one")
    return read_secret(file, what=what)
