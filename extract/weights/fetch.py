"""Downloads of known weights: resumed after an interruption, verified before they get their name."""

from __future__ import annotations

import contextlib
import fcntl
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO

from extract.runtime.atomic import sync, write_text
from extract.runtime.file_lock import lock_exclusively
from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.regular_file import check_regular, size_text
from extract.weights.digests import check_file, record_path, sha256
from extract.weights.error import WeightsError
from extract.weights.files import cache_folder, packaged_file
from extract.weights.known import KnownWeights

Progress = Callable[[int, "int | None"], None]  # bytes so far, total bytes (None: the server does not say)
BLOCK = 1 << 18
MOST_BYTES = 1 << 33  # the largest of the known files has 0.3 GB
TIMEOUT_SECONDS = 30.0


def fetch(known: KnownWeights, *, folder: Path | None = None, progress: Progress | None = None) -> Path:
    """Download into a folder (default: our cache) and return the file's path; an existing file, and one of an
    installed package, is only verified.

    The next call resumes what a broken connection left. Raises WeightsError for a connection that fails,
    naming the folder for a file from elsewhere, and for content that is not the published one, which is
    removed.
    """
    if (packaged := packaged_file(known)) is not None:
        check_file(packaged, known)
        return packaged
    folder = folder or cache_folder()
    path = folder / known.file_names[0]
    try:
        link = known.link()
    except WeightsError as error:
        raise WeightsError(
            f"{error} and put it into {folder} or the folder that VAD_WEIGHTS_DIR names"
        ) from None
    folder.mkdir(parents=True, exist_ok=True)
    # A fixed name, so that the next call finds what an interrupted one has downloaded.
    unfinished = path.with_name(path.name + ".unfinished")
    for each in (unfinished, path):
        if os.path.lexists(each):
            try:
                check_regular(each, expected="a file of weights")
            except ForeignFileError as error:
                raise WeightsError(f"{error}; remove it") from None
    with open(unfinished, "ab") as file, _only_one(file):
        if not path.is_file():
            _download(link, file, known=known, folder=folder, progress=progress)
            file.flush()
            try:
                check_file(unfinished, known)
            except WeightsError as error:
                unfinished.unlink()
                raise WeightsError(
                    f"{link} returned something other than the published file, which was removed: {error}"
                ) from None
            # Without a published digest, later checks compare with the digest of this download.
            if not (known.git_blob or known.sha256_prefix):
                write_text(record_path(path), sha256(unfinished) + "\n")
            sync(unfinished)
            unfinished.replace(path)
            sync(folder)
        else:
            unfinished.unlink(missing_ok=True)
    check_file(path, known)
    return path


def _download(
    link: str, file: BinaryIO, *, known: KnownWeights, folder: Path, progress: Progress | None
) -> None:
    have = file.seek(0, 2)
    request = urllib.request.Request(link, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            if answer.status != 206 and have:  # the server does not resume: start over
                file.truncate(0)
                have = 0
            length = answer.headers["Content-Length"] or ""
            total = have + int(length) if length.isdecimal() else None
            while block := answer.read(BLOCK):
                if have + len(block) > MOST_BYTES:
                    raise WeightsError(
                        f"{link} sends more than {size_text(MOST_BYTES)}, as no file of weights has"
                    )
                file.write(block)
                have += len(block)
                if progress:
                    progress(have, total)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing is left to send: the digest shows whether it is complete
            return
        raise _offline(known, link, folder, f"the server answers {error.code} {error.reason}") from None
    except (OSError, HTTPException) as error:
        raise _offline(known, link, folder, str(getattr(error, "reason", error))) from None
    if total is not None and have < total:
        raise WeightsError(
            f"{link}: the connection ended after {have} of {total} bytes; fetch again to continue"
        )


def _offline(known: KnownWeights, link: str, folder: Path, reason: str) -> WeightsError:
    return WeightsError(
        f"cannot fetch {known.name} from {link}: {reason}. Get {known.file_names[0]} elsewhere and put it "
        f"into {folder} or the folder that VAD_WEIGHTS_DIR names; --weights none runs with random weights"
    )


@contextlib.contextmanager
def _only_one(file: BinaryIO):
    """Processes that fetch the same file take turns."""
    lock_exclusively(file.fileno(), file.name)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_UN)
