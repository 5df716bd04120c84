"""HDF5 files are opened here only after a process that may die has opened and checked them.

libhdf5 crashes on about one in 3,000 damaged files. A file that this user's programs wrote, or that was
probed in its present state, needs no probe.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import h5py

from extract.runtime.foreign.foreign_error import ForeignFileError, ReaderTimedOut
from extract.runtime.foreign.hdf5_files import attribute, open_hdf5
from extract.runtime.foreign.ledger import LEDGER, digest_of
from extract.runtime.foreign.sandbox import in_sandbox
from extract.store.file_arrays import checked_arrays
from extract.store.file_header import KIND, read_header
from extract.store.hdf5_group import spec_of
from extract.store.pack_groups import IDS, STORE, group_in_pack, video_groups

# Damage can make HDF5 run in circles. Tables are read, and none of the numbers.
SECONDS, BYTES_PER_SECOND = 15.0, 2e7
VERSION = ("probe 1", h5py.version.hdf5_version)
PACK_ATTRIBUTES = (STORE, IDS)
# Files that failed, with the reason, so that this process does not wait for them again.
_failed: dict[bytes, str] = {}


def check_probed(path: Path, state: str, video_id: str | None = None) -> None:
    """Probe a file unless that was done. Raises ForeignFileError, also for a file that crashes HDF5.

    state: changes with the content. video_id: in a pack; None = a file of one video.
    """
    _check(digest_of(*VERSION, state, video_id or ""), state, _probe_video, path, video_id)


def check_pack_probed(path: Path, state: str) -> None:
    """As check_probed, for the groups of a pack but not what they hold."""
    _check(digest_of(*VERSION, state, "pack"), state, _probe_pack, path)


def probing_seconds(size: int) -> float:
    """Seconds that the probes of files may take. size: bytes of all of them."""
    return SECONDS + size / BYTES_PER_SECOND


def remember_own(state: str, video_id: str | None = None) -> None:
    """This process has just written the file itself, or knows that HDF5 reads it."""
    LEDGER.add(digest_of(*VERSION, state, video_id or ""))


def remember_own_pack(state: str, video_ids: list[str]) -> None:
    """This process has just written the pack itself."""
    LEDGER.add(digest_of(*VERSION, state, "pack"))
    for video_id in video_ids:
        remember_own(state, video_id)


def _check(digest: bytes, state: str, function, path: Path, *values) -> None:
    if digest in LEDGER:
        return
    file = digest_of("file", state)
    for failed in (digest, file):
        if failed in _failed:
            raise ForeignFileError(path, _failed[failed])
    try:
        seconds = probing_seconds(path.stat().st_size)
        in_sandbox(function, path, *values, kind=KIND, seconds=seconds)
    except ForeignFileError as error:
        # What runs in circles for one group of a pack would do so for each.
        _failed[file if isinstance(error, ReaderTimedOut) else digest] = error.reason
        raise
    LEDGER.add(digest)


def _probe_video(path: str, video_id: str | None) -> None:
    """Runs in the sandbox."""
    with open_hdf5(path, kind=KIND) as file:
        group = file if video_id is None else group_in_pack(file, video_id)
        header = read_header(group, video_id)
        checked_arrays(group, header, spec_of(header, Path(path)))


def _probe_pack(path: str) -> None:
    """Runs in the sandbox."""
    with open_hdf5(path, kind=KIND) as file:
        video_groups(file, on_problem=lambda _: None)
        # All that the parent will read of the file itself: reading one can run in circles, too.
        for name in PACK_ATTRIBUTES:
            with contextlib.suppress(ForeignFileError):
                attribute(file, name, str)
