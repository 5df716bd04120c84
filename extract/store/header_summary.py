"""What an index keeps of the header of a video, learnt for many videos without opening each file here.

What this user's programs wrote, the ledger knows. Other files are opened by processes that may die, one per
core and many files per call, because a call and its answer take longer than a header.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from extract.runtime.foreign.foreign_error import ForeignFileError, reading
from extract.runtime.foreign.hdf5_files import open_hdf5
from extract.runtime.foreign.ledger import LEDGER, digest_of
from extract.runtime.foreign.printable import printable
from extract.runtime.foreign.sandbox import in_sandbox
from extract.runtime.machine.limits import cores
from extract.store.file_header import KIND
from extract.store.hdf5_group import read_group
from extract.store.probing import probing_seconds, remember_own
from extract.store.spec import FeatureSpec
from extract.store.video_features import VideoFeatures, remarks_of

VERSION = "header 1"  # of what the ledger keeps
LONGEST_NAME = 64
FILES_PER_CALL = 50


class HeaderSummary(NamedTuple):
    """remarks: keys of extract.store.video_features.REMARKS, each between commas."""

    segments: int
    frames: int
    decoder: str
    remarks: str


class StoredFile(NamedTuple):
    """A file of a listing. state: a text that changes with its content."""

    video_id: str
    bytes: int
    state: str


def summary_of(video: VideoFeatures) -> HeaderSummary:
    """The summary of a header."""
    decode = video.decode
    return HeaderSummary(
        segments=video.num_segments,
        frames=video.num_frames,
        decoder=printable(decode.get("decoder") or "imported")[:LONGEST_NAME],
        remarks="".join(f",{key}," for key in remarks_of(decode, video.num_frames)),
    )


def remember_summary(state: str, video: VideoFeatures) -> None:
    """This process has just written the video, and its file has this state."""
    LEDGER.note(digest_of(VERSION, state), json.dumps(summary_of(video)))


def remembered_summaries(files: Sequence[StoredFile]) -> list[HeaderSummary | None]:
    """The summaries of files that this user's programs wrote, None for others."""
    digests = [digest_of(VERSION, each.state) for each in files]
    notes = LEDGER.notes(digests)
    return [_checked(_parsed(notes[each])) if each in notes else None for each in digests]


def read_summaries(
    files: Sequence[StoredFile], path: Callable[[str], Path], spec: FeatureSpec
) -> Iterator[tuple[StoredFile, HeaderSummary | None]]:
    """The summaries of files in a folder, read by processes that may die; in any order.

    path: of a video. None for a file that is damaged or of another spec, or was read beside one that took its
    process down. Files that can be read count as probed.
    """
    calls = [files[start : start + FILES_PER_CALL] for start in range(0, len(files), FILES_PER_CALL)]
    if len(calls) <= 1:
        found: Iterable = map(_read_together, calls, itertools.repeat(path), itertools.repeat(spec))
        yield from itertools.chain.from_iterable(found)
        return
    # Threads, because each has a process of its own.
    with ThreadPoolExecutor(min(cores(), len(calls))) as threads:
        found = threads.map(_read_together, calls, itertools.repeat(path), itertools.repeat(spec))
        yield from itertools.chain.from_iterable(found)


def _read_together(
    files: Sequence[StoredFile], path: Callable[[str], Path], spec: FeatureSpec
) -> list[tuple[StoredFile, HeaderSummary | None]]:
    paths = [str(path(each.video_id)) for each in files]
    seconds = probing_seconds(sum(each.bytes for each in files))
    try:
        answer = in_sandbox(_headers_in_sandbox, paths[0], paths, spec.to_json(), kind=KIND, seconds=seconds)
        found = [_checked(each) for each in answer]
    except (ForeignFileError, TypeError):  # a file took the process down, which could also answer anything
        return [(each, None) for each in files]
    summaries = found if len(found) == len(files) else [None] * len(files)
    for each, summary in zip(files, summaries, strict=True):
        if summary is not None:
            remember_own(each.state)
    return list(zip(files, summaries, strict=True))


def _headers_in_sandbox(_path: str, paths: list[str], spec: str) -> list[list | None]:
    """Runs in the sandbox. None for a file that is damaged or of another spec."""
    expected, found = FeatureSpec.from_json(spec), []
    for path in paths:
        try:
            with reading(path, KIND), open_hdf5(path, kind=KIND) as file:
                found.append(list(summary_of(read_group(file, "", spec=expected, content="none"))))
        except ForeignFileError:
            found.append(None)
    return found


def _parsed(note: str) -> Any:
    try:
        return json.loads(note)
    except (TypeError, ValueError):  # a damaged page of the ledger
        return None


def _checked(answer: Any) -> HeaderSummary | None:
    """A summary that came as plain values; None for anything else."""
    if isinstance(answer, list) and [type(each) for each in answer] == [int, int, str, str]:
        segments, frames, decoder, remarks = answer
        return HeaderSummary(segments, frames, printable(decoder)[:LONGEST_NAME], printable(remarks))
    return None
