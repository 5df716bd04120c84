"""THE CONTRACT between the stages: a folder with one HDF5 file a video, or the same packed into one file.

    features    float16 | float32 [N, C, D]     one row a segment, one vector a crop
    frame_span  int64   [N, 2]                  segment n covers decoded frames [start, stop)
    time_span   float64 [N, 2]                  the same in seconds, from presentation timestamps
    further     any     [N, ...]                where the spec names arrays (extract/scene); then features may be absent
    attributes  format_version, spec, num_frames, fps, width, height, decode, source, provenance, complete

A file is written beside its place, flushed, re-read and only then renamed: a video is in the store whole or not at all.
The folder may also be an address (s3://bucket/features) that fsspec knows; then files are made here and put there.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

import h5py
import numpy as np

from extract.store.local_files import SUFFIX, LocalFiles
from extract.store.remote_files import RemoteFiles, is_address
from extract.store.spec import FeatureSpec
from extract.store.video_features import (
    FORMAT_VERSION,
    StoreError,
    VideoFeatures,
    as_stored,
    check,
    holds,
    read_group,
    read_rows,
    write_group,
)

__all__ = ["FeatureSpec", "FeatureStore", "StoreError", "VideoFeatures", "place_of"]

STORE_FILE = "store.json"
LARGEST_IMAGE = 1 << 26  # bytes of further arrays up to which a file is made in memory


class FeatureStore:
    """Reads a store; FeatureStore.create also writes. Holds no open file, so it may be pickled and shared."""

    def __init__(self, root: Path | str):
        """Open for reading. Raises StoreError where there is no store, or one of another format."""
        self.root, self.files = _files(root)
        self.packed = isinstance(self.root, Path) and self.root.is_file()
        if self.packed:
            with self._open(self.root) as file:
                description = _description(file.attrs.get("store"), self.root)
        else:
            try:
                text = self.files.read_text(STORE_FILE)
            except OSError as error:
                raise StoreError(f"{root}: {STORE_FILE} cannot be read: {_reason(error)}") from None
            if text is None:
                raise StoreError(
                    f"{root}: no feature store (no {STORE_FILE} in it); make one with vad-extract run"
                )
            description = _description(text, f"{root}/{STORE_FILE}")
        self.spec: FeatureSpec = description["spec"]
        self.batch_shape: tuple[int, ...] | None = description["batch_shape"]

    @classmethod
    def create(
        cls, root: Path | str, spec: FeatureSpec, *, batch_shape: tuple[int, ...] | None = None
    ) -> FeatureStore:
        """Make a store, or open one for going on. Raises StoreError for a store with another spec, naming the fields.

        batch_shape is recorded in a new store only: one that exists keeps its own, so that its rows stay comparable.
        """
        place, files = _files(root)
        if isinstance(place, Path) and place.is_file():
            raise StoreError(f"{root} is a file; a store that is written to must be a folder")
        try:
            files.write_text_once(STORE_FILE, describe(spec, batch_shape))
        except OSError as error:
            raise StoreError(f"{root}: the store cannot be made here: {_reason(error)}") from None
        store = cls(root)
        if differences := store.spec.differences(spec):
            raise StoreError(f"{root} was extracted with other settings: {'; '.join(differences)}")
        return store

    @staticmethod
    def is_at(root: Path | str) -> bool:
        """Whether a store was made here, in this version's format or in another."""
        place, files = _files(root)
        return isinstance(place, Path) and place.is_file() or files.read_text(STORE_FILE) is not None

    def ids(self) -> list[str]:
        """The ids of all videos in the store, sorted."""
        if self.packed:
            with self._open(self.root) as file:
                return sorted(_groups(file))
        return sorted(name.removesuffix(SUFFIX) for name, *_ in self._listing())

    def sizes(self) -> dict[str, int]:
        """Video id -> bytes of its file, in one pass; of a packed store every video has an equal share."""
        if self.packed:
            ids = self.ids()
            return dict.fromkeys(ids, self.root.stat().st_size // max(len(ids), 1))
        return {name.removesuffix(SUFFIX): size for name, size, _ in self._listing()}

    def scan(self, among: Sequence[str] | None = None) -> tuple[set[str], set[str]]:
        """(ids of all videos, those of them whose file is cut short or no feature file), in one pass.

        Looks at the first bytes of each file; verify reads all of them. among: look for these only, without listing
        the store.
        """
        if self.packed:
            return set(self.ids()), set()
        found = self._listing() if among is None else self._sizes_of(among)
        ids, damaged = set(), set()
        for name, size, *_ in found:
            ids.add(name.removesuffix(SUFFIX))
            if not self.files.looks_whole(name, size):
                damaged.add(name.removesuffix(SUFFIX))
        return ids, damaged

    def path(self, video_id: str) -> Path:
        """The file of one video in a folder. Raises ValueError for an id that would leave the store."""
        return self.root / self.name(video_id)

    def name(self, video_id: str) -> str:
        """The file of one video, as a path below the root. Raises ValueError for an id that would leave the store."""
        parts = PurePosixPath(video_id).parts
        if not video_id or video_id.startswith("/") or ".." in parts or "\\" in video_id or "\0" in video_id:
            raise ValueError(f"{video_id!r} is no video id: expected a path below the data set's root")
        return str(PurePosixPath(*parts)) + SUFFIX

    def __contains__(self, video_id: str) -> bool:
        if self.packed:
            with self._open(self.root) as file:
                return video_id in file and "complete" in file[video_id].attrs
        return self.files.holds(self.name(video_id))

    def read(self, video_id: str) -> VideoFeatures:
        """All of one video. Raises StoreError for a missing, damaged or foreign file."""
        with self._group(video_id) as group:
            return read_group(group, video_id, content="all")

    @contextlib.contextmanager
    def open(self, video_id: str) -> Iterator[VideoFeatures]:
        """One video whose features and arrays are read when they are sliced, while the context lasts. Raises StoreError,
        also for bytes inside the context that are not what was written."""
        with self._group(video_id) as group:
            yield read_group(group, video_id, content="lazy")

    def rows(
        self, video_id: str, names: Iterable[str], segments: slice = slice(None)
    ) -> dict[str, np.ndarray]:
        """Some segments of some arrays of one video, without reading the rest: name -> [n, ...]. Raises StoreError."""
        with self._group(video_id) as group:
            return read_rows(group, video_id, tuple(names), segments)

    def header(self, video_id: str) -> VideoFeatures:
        """Spans and attributes of one video, without its features and further arrays (features is None)."""
        with self._group(video_id) as group:
            return read_group(group, video_id, content="none")

    def verify(self, video_id: str) -> VideoFeatures:
        """Read every byte of one video against its checksums and the contract; returns what was read."""
        video = self.read(video_id)
        check(video, self.spec, where=video_id)
        return video

    def write(self, video: VideoFeatures, *, compression: str | None = None) -> None:
        """Add one video, replacing an older file of it, whole or not at all.

        Raises StoreError where the video breaks the contract or the disk refuses; nothing is left behind then.
        """
        if self.packed:
            raise StoreError(f"{self.root} is packed and read-only; vad-extract unpack makes a folder of it")
        check(video, self.spec, where=video.video_id)

        def write(path: Path) -> None:
            _write_file(path, video, self.spec, compression)
            with h5py.File(path, "r") as file:
                whole = holds(file, as_stored(video, self.spec))
            if not whole:
                raise OSError("the file reads back other than it was written")

        try:
            self.files.add(self.name(video.video_id), write)
        except (OSError, RuntimeError, ValueError) as error:
            raise StoreError(
                f"{video.video_id}: cannot be written to {self.root}: {_reason(error)}"
            ) from error

    def remove_stale(self, wait_seconds: float = 0.0) -> int:
        """Remove partial files whose writer is gone; returns how many.

        wait_seconds: so long writers of this host are waited for that were killed just now.
        """
        return self.files.remove_stale(wait_seconds)

    def _listing(self) -> Iterator[tuple[str, int, int]]:
        try:
            yield from self.files.listing()
        except OSError as error:
            raise StoreError(f"{self.root}: the store cannot be listed: {_reason(error)}") from None

    def _sizes_of(self, video_ids: Sequence[str]) -> Iterator[tuple[str, int]]:
        for name in map(self.name, video_ids):
            try:
                if (size := self.files.size(name)) is not None:
                    yield name, size
            except OSError as error:
                raise StoreError(f"{self.root}: {name} cannot be looked at: {_reason(error)}") from None

    @contextlib.contextmanager
    def _group(self, video_id: str) -> Iterator[h5py.Group]:
        absent = StoreError(f"{video_id}: not in the store {self.root}")
        with contextlib.ExitStack() as stack:
            if self.packed:
                path = self.root
            elif not isinstance(self.files, LocalFiles) or self.files.holds(self.name(video_id)):
                try:
                    path = stack.enter_context(self.files.at_hand(self.name(video_id)))
                except FileNotFoundError:
                    raise absent from None
                except OSError as error:
                    raise StoreError(
                        f"{video_id}: cannot be read from {self.root}: {_reason(error)}"
                    ) from None
            else:
                raise absent
            file = stack.enter_context(self._open(path))
            if self.packed and video_id not in file:
                raise absent
            group = file[video_id] if self.packed else file
            spec = _spec(group.attrs.get("spec"), path)
            if differences := spec.differences(self.spec):
                raise StoreError(f"{path} was extracted with other settings: {'; '.join(differences)}")
            yield group

    @contextlib.contextmanager
    def _open(self, path: Path) -> Iterator[h5py.File]:
        try:
            with h5py.File(path, "r") as file:
                yield file
        except (OSError, KeyError, RuntimeError) as error:
            raise StoreError(
                f"{path} is damaged or no feature file ({_reason(error)}); remove it and extract the video again"
            ) from error


def _write_file(path: Path, video: VideoFeatures, spec: FeatureSpec, compression: str | None) -> None:
    """HDF5 2.0 crashes the process when the disk fills under it, so it writes to memory, or, what is too large for that,
    to a disk that has room for twice as much."""
    size = sum(rows.nbytes for rows in video.arrays.values())
    if size <= LARGEST_IMAGE:
        image = io.BytesIO()
        with h5py.File(image, "w") as file:
            write_group(file, video, spec, compression=compression)
        path.write_bytes(image.getbuffer())
        return
    if shutil.disk_usage(path.parent).free < 2 * size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with h5py.File(path, "w") as file:
        write_group(file, video, spec, compression=compression)


def place_of(root: Path | str) -> Path | str:
    """Where a store is: a path, or an address as text, of which a path would lose one of its slashes."""
    return str(root).rstrip("/") if is_address(root) else Path(root)


def _files(root: Path | str) -> tuple[Path | str, LocalFiles | RemoteFiles]:
    """(the root as it is shown, what reads and writes its files)."""
    place = place_of(root)
    return place, LocalFiles(place) if isinstance(place, Path) else RemoteFiles(place)


def describe(spec: FeatureSpec, batch_shape: tuple[int, ...] | None) -> str:
    """The text of store.json, also kept in the root of a packed store."""
    values = {
        "format_version": FORMAT_VERSION,
        "spec": json.loads(spec.to_json()),
        "batch_shape": batch_shape,
    }
    return json.dumps(values, indent=1, sort_keys=True)


def _groups(file: h5py.File) -> list[str]:
    found = []
    file.visititems(lambda name, node: found.append(name) if "complete" in node.attrs else None)
    return found


def _description(text: str | None, path: Path | str) -> dict:
    try:
        values = json.loads(text)
        if values["format_version"] != FORMAT_VERSION:
            raise StoreError(
                f"{path} has format {values['format_version']}, this version reads {FORMAT_VERSION}"
            )
        shape = values["batch_shape"]
        return {
            "spec": _spec(json.dumps(values["spec"]), path),
            "batch_shape": None if shape is None else tuple(shape),
        }
    except (TypeError, KeyError, ValueError) as error:
        raise StoreError(f"{path} does not describe a feature store: {_reason(error)}") from None


def _spec(text: str | None, path: Path | str) -> FeatureSpec:
    try:
        return FeatureSpec.from_json(text)
    except (TypeError, ValueError) as error:
        raise StoreError(f"{path} holds no readable spec: {_reason(error)}") from None


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error).splitlines()[0] if str(error) else type(error).__name__
