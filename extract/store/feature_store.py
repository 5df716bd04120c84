"""THE CONTRACT between the stages: a folder with one HDF5 file per video, or the same packed into one file.

    features    float16 | float32 [N, C, D]     one row per segment, one vector per crop
    frame_span  int64   [N, 2]                  segment n covers decoded frames [start, stop)
    time_span   float64 [N, 2]                  the same in seconds, from presentation timestamps
    others      any     [N, ...]                where the spec names arrays; features are then optional
    attributes  format_version, spec, num_frames, fps, width, height, decode, source, provenance, complete

A file is written next to its target, flushed, read back and only then renamed: a video is in the store
completely or not at all. The folder may also be an address that fsspec knows (s3://bucket/features); files
are then written here first.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

import h5py
import numpy as np

from extract.store.description import Description, read_spec, short
from extract.store.hdf5_group import read_group, read_rows, write_file
from extract.store.local_files import LocalFiles
from extract.store.spec import FeatureSpec
from extract.store.store_files import SUFFIX, StoreFiles
from extract.store.store_places import files_of, place_of
from extract.store.video_features import StoreError, VideoFeatures, check

STORE_FILE = "store.json"
OWN_FILES = ("failures.jsonl", ".index.sqlite")  # that a store writes beside it


class FeatureStore:
    """Reads a store; FeatureStore.create also writes. Holds no open file, so it may be pickled and shared."""

    def __init__(self, root: Path | str):
        """Open for reading. Raises StoreError if there is no store, or one of another format."""
        self.root = place_of(root)
        self.files = files_of(self.root)
        self.packed = isinstance(self.root, Path) and self.root.is_file()
        if self.packed:
            with self._open(Path(self.root)) as file:
                description = Description.from_text(file.attrs.get("store"), self.root)
        else:
            description = Description.from_text(_read_description(root, self.files), f"{root}/{STORE_FILE}")
        self.spec = description.spec
        self.batch_shape = description.batch_shape

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
        if isinstance(place, Path) and not cls.is_at(place):
            _refuse_foreign(place)
        try:
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

    def ids(self) -> list[str]:
        """The ids of all videos in the store, sorted."""
        if self.packed:
            with self._open(Path(self.root)) as file:
                return sorted(_groups(file))
        return sorted(name.removesuffix(SUFFIX) for name, *_ in self._listing())

    def sizes(self) -> dict[str, int]:
        """Video id -> bytes of its file, in one pass; videos of a packed store have equal shares of it."""
        if self.packed:
            ids = self.ids()
            return dict.fromkeys(ids, Path(self.root).stat().st_size // max(len(ids), 1))
        return {name.removesuffix(SUFFIX): size for name, size, _ in self._listing()}

    def scan(self, among: Sequence[str] | None = None) -> tuple[set[str], set[str]]:
        """(ids of all videos, ids of those whose file is truncated or not a feature file), in one pass.

        Looks at the first bytes of each file; `verify` reads all of them. among: only look for these, without
        listing the store.
        """
        if self.packed:
            return set(self.ids()), set()
        found = self._sizes_of(among) if among is not None else (each[:2] for each in self._listing())
        ids, damaged = set(), set()
        for name, size in found:
            ids.add(name.removesuffix(SUFFIX))
            if not self.files.looks_complete(name, size):
                damaged.add(name.removesuffix(SUFFIX))
        return ids, damaged

    def path(self, video_id: str) -> Path:
        """The file of one video in a folder. Raises ValueError for an id that would leave the store."""
        return Path(self.root) / self.name(video_id)

    def name(self, video_id: str) -> str:
        """The file of one video, below the root. Raises ValueError for an id that would leave the store."""
        parts = PurePosixPath(video_id).parts
        if not video_id or video_id.startswith("/") or ".." in parts or "\\" in video_id or "\0" in video_id:
            raise ValueError(f"{video_id!r} is not a video id: expected a path below the data set's root")
        return str(PurePosixPath(*parts)) + SUFFIX

    def __contains__(self, video_id: str) -> bool:
        if self.packed:
            with self._open(Path(self.root)) as file:
                return video_id in file and "complete" in file[video_id].attrs
        return self.files.exists(self.name(video_id))

    def read(self, video_id: str) -> VideoFeatures:
        """All of one video. Raises StoreError for a missing or damaged file, or one of another spec."""
        with self._group(video_id) as group:
            return read_group(group, video_id, content="all")

    @contextlib.contextmanager
    def open(self, video_id: str) -> Iterator[VideoFeatures]:
        """One video whose features and arrays are read when they are sliced, while the context lasts.

        Raises StoreError, also for damaged bytes that are read inside the context.
        """
        with self._group(video_id) as group:
            yield read_group(group, video_id, content="lazy")

    def rows(
        self, video_id: str, names: Iterable[str], segments: slice = slice(None)
    ) -> dict[str, np.ndarray]:
        """Some segments of some arrays of one video: name -> [n, ...]. Reads no others. Raises StoreError."""
        with self._group(video_id) as group:
            return read_rows(group, video_id, tuple(names), segments)

    def header(self, video_id: str) -> VideoFeatures:
        """Spans and attributes of one video; `features` is None. Raises StoreError."""
        with self._group(video_id) as group:
            return read_group(group, video_id, content="none")

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
        try:
            self.files.add(
                self.name(video.video_id), lambda path: write_file(path, video, self.spec, compression)
            )
        except (OSError, RuntimeError, ValueError) as error:
            raise StoreError(f"{video.video_id}: cannot be written to {self.root}: {short(error)}") from error

    def remove_stale(self, wait_seconds: float = 0.0, *, among: Iterable[str] | None = None) -> int:
        """Remove partial files whose writer is dead; returns how many.

        wait_seconds: how long to wait for writers of this host that were killed just now. among: ids of the
        videos that will be written; without them the whole store is listed.
        """
        names = None if among is None else map(self.name, among)
        return self.files.remove_stale(wait_seconds, names)

    def _listing(self) -> Iterator[tuple[str, int, int]]:
        try:
            yield from self.files.listing()
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
        absent = StoreError(f"{video_id}: not in the store {self.root}")
        with contextlib.ExitStack() as stack:
            path = Path(self.root) if self.packed else self._local(video_id, stack, absent)
            file = stack.enter_context(self._open(path))
            group = file.get(video_id) if self.packed else file
            if not isinstance(group, h5py.Group):
                raise absent
            spec = read_spec(group.attrs.get("spec"), path)
            if differences := spec.differences(self.spec):
                raise StoreError(f"{path} was extracted with other settings: {'; '.join(differences)}")
            yield group

    def _local(self, video_id: str, stack: contextlib.ExitStack, absent: StoreError) -> Path:
        name = self.name(video_id)
        # In a folder this is cheap, and a name that is too long counts as absent; a network would be asked
        # twice.
        if isinstance(self.files, LocalFiles) and not self.files.exists(name):
            raise absent
        try:
            return stack.enter_context(self.files.local(name))
        except FileNotFoundError:
            raise absent from None
        except OSError as error:
            raise StoreError(f"{video_id}: cannot be read from {self.root}: {short(error)}") from None

    @contextlib.contextmanager
    def _open(self, path: Path) -> Iterator[h5py.File]:
        try:
            with h5py.File(path, "r") as file:
                yield file
        except (OSError, KeyError, RuntimeError) as error:
            raise StoreError(
                f"{path} is damaged or not a feature file ({short(error)}); "
                "remove it and extract the video again"
            ) from error


def _refuse_foreign(place: Path) -> None:
    """Raise StoreError for a folder that is no store and holds files that would be taken for a store's."""
    for folder in place.resolve().parents:
        if (folder / STORE_FILE).is_file():
            raise StoreError(f"{place} lies in the feature store {folder}; choose a folder outside of it")
    below = (
        Path(folder, name).relative_to(place)
        for folder, _, names in os.walk(place)
        for name in names
        if name.endswith(SUFFIX)
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
        raise StoreError(f"{root}: no feature store (no {STORE_FILE} in it); create one with vad-extract run")
    return text


def _groups(file: h5py.File) -> list[str]:
    found = []
    file.visititems(lambda name, node: found.append(name) if "complete" in node.attrs else None)
    return found
