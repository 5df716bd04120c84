"""THE CONTRACT between the stages: a folder with one HDF5 file per video, or the same packed into one file.

    features    float16 | float32 [N, C, D]     one row per segment, one vector per crop
    frame_span  int64   [N, 2]                  segment n covers decoded frames [start, stop)
    time_span   float64 [N, 2]                  the same in seconds, from presentation timestamps
    others      any     [N, ...]                where the spec names arrays; features are then optional
    attributes  format_version, spec, num_frames, fps, width, height, decode, source, provenance, complete

A file is written next to its target, flushed, read back and only then renamed: a video is in the store
completely or not at all. The folder may also be an address that fsspec knows (s3://bucket/features); files
are then written here first.

A store may come from a stranger, and disks flip bits. Every file is probed in a process that may die before
it is opened here (extract.store.probing), its attributes and arrays are checked against a schema and against
digests of their content, and no link is followed.
"""

from __future__ import annotations

import contextlib
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path, PurePosixPath

import h5py
import numpy as np

from extract.runtime.foreign.folder_walk import walk_below
from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.hdf5_files import attribute, open_hdf5
from extract.runtime.foreign.printable import printable
from extract.runtime.foreign.regular_file import check_regular
from extract.store.description import Description, short
from extract.store.file_header import KIND
from extract.store.hdf5_group import Unfit, read_group, read_rows, write_file
from extract.store.header_summary import remember_summary
from extract.store.local_files import state_of
from extract.store.pack_groups import STORE, check_ids, group_in_pack, video_groups
from extract.store.probing import check_pack_probed, check_probed, remember_own
from extract.store.spec import FeatureSpec
from extract.store.store_files import APPLE_DOUBLE, BLOCK_FILES, STORE_FILE, SUFFIX, FileBlock, StoreFiles
from extract.store.store_places import files_of, place_of
from extract.store.video_features import StoreError, VideoFeatures, check

# Ids in which nothing can be wrong, which most of a million are; any other takes the careful way.
PLAIN = r"[\w -]+(?:[./][\w -]+)*"
PLAIN_ID, PLAIN_IDS = re.compile(PLAIN), re.compile(rf"{PLAIN}(?:\n{PLAIN})*")
OWN_FILES = ("failures.jsonl", ".index.sqlite")  # that a store writes beside it


def _ignore(_line: str) -> None:
    pass


class FeatureStore:
    """Reads a store; FeatureStore.create also writes. Holds no open file, so it may be pickled and shared."""

    def __init__(self, root: Path | str):
        """Open for reading. Raises StoreError if there is no store, or one of another format."""
        self.root = place_of(root)
        self.files = files_of(self.root)
        self.packed = isinstance(self.root, Path) and self.root.is_file()
        if self.packed:
            with self._pack() as file:
                description = Description.from_text(_store_text(file), self.root)
        else:
            description = Description.from_text(_read_description(root, self.files), f"{root}/{STORE_FILE}")
        self.spec = description.spec
        self.batch_shape = description.batch_shape
        self.format_version = description.format_version

    @classmethod
    def create(
        cls, root: Path | str, spec: FeatureSpec, *, batch_shape: tuple[int, ...] | None = None
    ) -> FeatureStore:
        """Create a store, or open one to continue it.

        Raises StoreError for a store of another spec, naming the fields.

        batch_shape is recorded in a new store only: an existing one keeps its own, so that its rows stay
        comparable.
        """
        place = place_of(root)
        if isinstance(place, Path) and place.is_file():
            raise StoreError(f"{root} is a file; a store that is written to must be a folder")
        try:
            if isinstance(place, Path) and not cls.is_at(place):
                _refuse_foreign(place)
            files_of(place).write_text_once(STORE_FILE, Description(spec, batch_shape).to_text())
        except OSError as error:
            raise StoreError(f"{root}: the store cannot be created here: {short(error)}") from None
        store = cls(root)
        if differences := store.spec.differences(spec):
            raise StoreError(f"{root} was extracted with other settings: {'; '.join(differences)}")
        return store

    @staticmethod
    def is_at(root: Path | str) -> bool:
        """Whether there is a store here, in this version's format or in another."""
        place = place_of(root)
        is_packed = isinstance(place, Path) and place.is_file()
        return is_packed or files_of(place).read_text(STORE_FILE) is not None

    @property
    def description(self) -> Description:
        return Description(self.spec, self.batch_shape)

    def ids(self, on_problem: Callable[[str], None] | None = None) -> list[str]:
        """The ids of all videos in the store, sorted.

        on_problem: gets one line for what looks like a part of the store and cannot be used, such as a link
        that leads out of it. Raises StoreError for a store that cannot be listed, and for a pack that lost a
        video if there is no on_problem.
        """
        if self.packed:
            return self._ids_of_pack(on_problem)
        return sorted(chain.from_iterable(block.ids() for block in self.blocks(on_problem or _ignore)))

    def sizes(self) -> dict[str, int]:
        """Video id -> bytes of its file, in one pass; videos of a packed store have equal shares of it."""
        if self.packed:
            ids = self.ids()
            return dict.fromkeys(ids, Path(self.root).stat().st_size // max(len(ids), 1))
        sizes: dict[str, int] = {}
        for block in self.blocks():
            sizes.update(zip(block.ids(), (row[1] for row in block.rows), strict=True))
        return sizes

    def scan(self, among: Sequence[str] | None = None) -> tuple[set[str], set[str]]:
        """(ids of all videos, ids of those whose file is truncated or not a feature file), in one pass.

        Looks at the first bytes of each file that is new or changed; `verify` reads all of them. among: only
        look for these, without listing the store.
        """
        if self.packed:
            return set(self.ids()), set()
        ids: set[str] = set()
        damaged: set[str] = set()
        if among is None:
            for block in self.blocks():
                ids.update(block.ids())
                damaged.update(name.removesuffix(SUFFIX) for name in self.files.incomplete(block))
            return ids, damaged
        for name, size in self._sizes_of(among):
            ids.add(name.removesuffix(SUFFIX))
            if not self.files.looks_complete(name, size):
                damaged.add(name.removesuffix(SUFFIX))
        return ids, damaged

    def path(self, video_id: str) -> Path:
        """The file of one video in a folder. Raises ValueError for an id that would leave the store."""
        return Path(self.root) / self.name(video_id)

    def name(self, video_id: str) -> str:
        """The file of one video, below the root. Raises ValueError for an id that would leave the store."""
        if PLAIN_ID.fullmatch(video_id):
            return video_id + SUFFIX
        parts = PurePosixPath(video_id).parts
        if not video_id or video_id.startswith("/") or ".." in parts or "\\" in video_id or not parts:
            raise ValueError(
                f"{_quoted(video_id)} is not a video id: expected a path below the data set's root"
            )
        if any(unicodedata.category(each) in ("Cc", "Cs") for each in video_id):
            raise ValueError(
                f"{_quoted(video_id)} is not a video id: it holds control characters or is not UTF-8"
            )
        if parts[-1].startswith(APPLE_DOUBLE):
            raise ValueError(
                f"{_quoted(video_id)} is not a video id: macOS gives such names to files of its own"
            )
        return str(PurePosixPath(*parts)) + SUFFIX

    def __contains__(self, video_id: str) -> bool:
        if not self.packed:
            return self.files.exists(self.name(video_id))
        with self._pack() as file:
            try:
                return bool(group_in_pack(file, self._place_in_pack(video_id)))
            except KeyError:
                return False
            except ForeignFileError as error:
                raise self._damaged(video_id, error) from None

    def read(self, video_id: str) -> VideoFeatures:
        """All of one video. Raises StoreError for a missing or damaged file, or one of another spec."""
        with self._group(video_id) as group:
            return read_group(group, video_id, spec=self.spec, content="all", packed=self.packed)

    @contextlib.contextmanager
    def open(self, video_id: str) -> Iterator[VideoFeatures]:
        """One video whose features and arrays are read when they are sliced, while the context lasts.

        Raises StoreError, also for damaged bytes that are read inside the context.
        """
        with self._group(video_id) as group:
            yield read_group(group, video_id, spec=self.spec, content="lazy", packed=self.packed)

    def rows(
        self, video_id: str, names: Iterable[str], segments: slice = slice(None)
    ) -> dict[str, np.ndarray]:
        """Some segments of some arrays of one video: name -> [n, ...]. Reads no others. Raises StoreError.

        Rows are checked against the checksums of their chunks, not against the digest of the whole array.
        """
        with self._group(video_id) as group:
            return read_rows(group, video_id, tuple(names), segments, spec=self.spec, packed=self.packed)

    def header(self, video_id: str) -> VideoFeatures:
        """Spans and attributes of one video; `features` is None. Raises StoreError."""
        with self._group(video_id) as group:
            return read_group(group, video_id, spec=self.spec, content="none", packed=self.packed)

    def verify(self, video_id: str) -> VideoFeatures:
        """Read every byte of a video against its checksums and the contract. Raises StoreError."""
        video = self.read(video_id)
        check(video, self.spec, where=video_id)
        return video

    def write(self, video: VideoFeatures, *, compression: str | None = None) -> None:
        """Add one video completely or not at all, replacing its older file if there is one.

        Raises StoreError if the video breaks the contract or the disk refuses; nothing is left behind
        then.
        """
        if self.packed:
            raise StoreError(f"{self.root} is packed and read-only; vad-extract unpack makes a folder of it")
        check(video, self.spec, where=video.video_id)
        name = self.name(video.video_id)
        try:
            state = self.files.add(name, lambda path: write_file(path, video, self.spec, compression))
        except (OSError, RuntimeError, ValueError) as error:
            reason = error.reason if isinstance(error, ForeignFileError) else short(error)
            raise StoreError(f"{video.video_id}: cannot be written to {self.root}: {reason}") from error
        if state is not None:
            remember_own(state)
            remember_summary(state, video)

    def remove_stale(self, wait_seconds: float = 0.0, *, among: Iterable[str] | None = None) -> int:
        """Remove partial files whose writer is dead; returns how many.

        wait_seconds: how long to wait for writers of this host that were killed just now. among: ids of the
        videos that will be written; without them the whole store is listed.
        """
        if among is None:
            return self.files.remove_stale(wait_seconds)
        ids = list(among)
        if _are_plain(ids):  # one of each folder is enough
            ids = {video_id[: video_id.rfind("/") + 1] + "any" for video_id in ids}
        return self.files.remove_stale(wait_seconds, map(self.name, ids))

    def blocks(self, on_problem: Callable[[str], None] = _ignore) -> Iterator[FileBlock]:
        """Every file of a folder, in one pass. on_problem: see ids. Raises StoreError."""

        def problem(line: str) -> None:
            on_problem(f"{printable(str(self.root))}: {printable(line)}")

        def usable(name: str) -> bool:
            try:
                self.name(name.removesuffix(SUFFIX))
            except ValueError as error:
                problem(f"{name} cannot be used: {error}")
                return False
            return True

        try:
            for block in self.files.blocks(problem):
                yield block if _are_plain(block.ids()) else block.only(usable)
        except OSError as error:
            raise StoreError(f"{self.root}: the store cannot be listed: {short(error)}") from None

    def _sizes_of(self, video_ids: Sequence[str]) -> Iterator[tuple[str, int]]:
        for name in map(self.name, video_ids):
            try:
                if (size := self.files.size(name)) is not None:
                    yield name, size
            except OSError as error:
                raise StoreError(f"{self.root}: {name} cannot be inspected: {short(error)}") from None

    @contextlib.contextmanager
    def _group(self, video_id: str) -> Iterator[h5py.Group]:
        absent = StoreError(f"{printable(video_id)}: not in the store {printable(str(self.root))}")
        with contextlib.ExitStack() as stack:
            try:
                yield self._opened(video_id, stack, absent)
            except ForeignFileError as error:
                raise self._damaged(video_id, error) from None

    def _opened(self, video_id: str, stack: contextlib.ExitStack, absent: StoreError) -> h5py.Group:
        if not self.packed:
            path, state = self._local(video_id, stack, absent)
            check_probed(path, state)
            file = stack.enter_context(open_hdf5(path, kind=KIND))
            return h5py.Group(file.id)  # its properties take less time than those of a file
        file, place = stack.enter_context(self._pack()), self._place_in_pack(video_id)
        try:
            group = group_in_pack(file, place)
        except KeyError:
            raise absent from None
        # What the group holds is looked at after its probe only.
        check_probed(Path(self.root), state_of(os.stat(self.root)), place)
        return group

    def _place_in_pack(self, video_id: str) -> str:
        return self.name(video_id).removesuffix(SUFFIX)

    def _damaged(self, video_id: str, error: ForeignFileError) -> StoreError:
        # Not the path in the error, which may be that of a copy.
        file = self.root if self.packed else f"{self.root}/{self.name(video_id)}"
        if isinstance(error, Unfit):
            return StoreError(printable(f"{video_id}: {file} {error.reason}"))
        return StoreError(
            printable(f"{video_id}: {file} is damaged or not a feature file ({error.reason}); ")
            + "remove it and extract the video again"
        )

    def _local(self, video_id: str, stack: contextlib.ExitStack, absent: StoreError) -> tuple[Path, str]:
        name = self.name(video_id)
        try:
            return stack.enter_context(self.files.local(name))
        except FileNotFoundError:
            raise absent from None
        except OSError as error:
            raise StoreError(
                f"{printable(video_id)}: cannot be read from {printable(str(self.root))}: {short(error)}"
            ) from None

    @contextlib.contextmanager
    def _pack(self) -> Iterator[h5py.File]:
        path = Path(self.root)
        with contextlib.ExitStack() as stack:
            try:
                check_pack_probed(path, state_of(os.stat(path)))
                file = stack.enter_context(open_hdf5(path, kind=KIND))
            except (ForeignFileError, OSError) as error:
                reason = error.reason if isinstance(error, ForeignFileError) else short(error)
                raise StoreError(
                    f"{printable(str(path))} is damaged or not a packed store ({reason})"
                ) from None
            yield file

    def _ids_of_pack(self, on_problem: Callable[[str], None] | None) -> list[str]:
        problems: list[str] = []
        ids: list[str] = []
        with self._pack() as file:
            try:
                ids = video_groups(file, on_problem=lambda error: problems.append(str(error)))
                if self.format_version >= 2:
                    check_ids(file, ids)
            except ForeignFileError as error:
                if on_problem is None:
                    raise StoreError(f"{printable(str(self.root))} is damaged ({error.reason})") from None
                problems.append(str(error))
        good = []
        for video_id in ids:
            try:
                self.name(video_id)
                good.append(video_id)
            except ValueError as error:
                problems.append(f"{printable(str(self.root))}: {error}")
        for problem in problems:
            (on_problem or _ignore)(problem)
        return good


def _are_plain(ids: Sequence[str]) -> bool:
    """Whether nothing can be wrong in any of these ids, many at a time, because there may be a million."""
    for start in range(0, len(ids), BLOCK_FILES):  # the search takes 300 bytes per id while it lasts
        text = "\n".join(some := ids[start : start + BLOCK_FILES])
        if not PLAIN_IDS.fullmatch(text) or text.count("\n") != len(some) - 1:
            return False
    return True


def _quoted(video_id: str) -> str:
    return f"'{printable(video_id)}'"


def _store_text(file: h5py.File) -> str:
    try:
        return attribute(file, STORE, str)
    except ForeignFileError as error:
        raise StoreError(
            f"{printable(str(error.path))} does not describe a feature store: it {error.reason}"
        ) from None


def _refuse_foreign(place: Path) -> None:
    """Raise StoreError for a folder that is no store and holds files that would be taken for a store's."""
    for folder in place.resolve().parents:
        if (folder / STORE_FILE).is_file():
            raise StoreError(f"{place} lies in the feature store {folder}; choose a folder outside of it")
    below = (
        (folder / entry.name).relative_to(place)
        for folder, _, others in walk_below(place, on_problem=lambda _problem: None, links=False, hidden=True)
        for entry in others
        if entry.name.endswith(SUFFIX)
    )
    found = next((name for name in OWN_FILES if (place / name).exists()), None) or next(below, None)
    # Another process may have created the store in this moment.
    if found and not FeatureStore.is_at(place):
        raise StoreError(
            f"{place} is no feature store and holds {found}, which one would replace; choose another folder"
        )


def _read_description(root: Path | str, files: StoreFiles) -> str:
    try:
        text = files.read_text(STORE_FILE)
    except OSError as error:
        raise StoreError(f"{root}: {STORE_FILE} cannot be read: {short(error)}") from None
    if text is None:
        if os.path.lexists(root) and not os.path.isdir(root):  # a pipe, a device, a link to nothing
            try:
                check_regular(root, expected="a feature store")
            except ForeignFileError as error:
                raise StoreError(str(error)) from None
        raise StoreError(f"{root}: no feature store (no {STORE_FILE} in it); create one with vad-extract run")
    return text
