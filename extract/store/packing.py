"""A store as one file and back: easier to copy, read the same way."""

from __future__ import annotations

import os
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any

import h5py

from extract.runtime.atomic import writing
from extract.store import FeatureStore, StoreError
from extract.store.description import short
from extract.store.hdf5_group import write_group
from extract.store.local_files import state_of
from extract.store.pack_groups import STORE, write_ids
from extract.store.probing import remember_own_pack
from extract.store.store_files import STORE_FILE


def _ignore(_line: str) -> None:
    pass


def _refuse(line: str) -> None:
    raise StoreError(line)


def pack(
    store_root: Path,
    target: Path,
    *,
    on_video: Callable[[str], None] = _ignore,
    on_problem: Callable[[str], None] = _refuse,
) -> int:
    """Join a store into one .h5, a group per video id; returns how many videos. Verifies every file on the
    way.

    on_problem: gets one line for each damaged file, which is left out; without it the first one raises
    StoreError. Raises StoreError for a target that exists, and if no video is sound; no target is left behind
    then.
    """
    store = FeatureStore(store_root)
    if os.path.lexists(target):
        raise StoreError(f"{target} exists; remove it or pack into another file")
    for folder in Path(os.path.realpath(target)).parents:
        if (folder / STORE_FILE).is_file():
            raise StoreError(f"{target} lies in the feature store {folder}; pack into a file outside of it")
    ids = store.ids(on_problem)
    _refuse_nested(ids)
    packed: list[str] = []
    try:
        with writing(target) as partial, _Disk(partial) as disk:
            with h5py.File(disk, "w") as file:
                file.attrs[STORE] = store.description.to_text()
                for video_id in ids:
                    try:
                        video = store.verify(video_id)
                    except StoreError as error:
                        on_problem(str(error))
                        continue
                    write_group(file.create_group(video_id), video, store.spec, packed=True)
                    disk.check()
                    packed.append(video_id)
                    on_video(video_id)
                write_ids(file, packed)
            if ids and not packed:
                raise StoreError(f"{store_root} has no sound video; nothing was packed")
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {short(error)}") from error
    remember_own_pack(state_of(os.stat(target)), packed)
    return len(packed)


class _Disk(FileIO):
    """A file for HDF5 that remembers the first error of the disk and only seems to write after it.

    HDF5 crashes the process, or cannot close its file, when the disk fills under it. A context manager that
    raises the error in the end, in place of whatever HDF5 made of it.
    """

    def __init__(self, path: Path):
        super().__init__(path, "w+")
        self._error: OSError | None = None

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)
        self.check()

    def check(self) -> None:
        """Raise what went wrong."""
        if self._error is not None:
            raise self._error

    def write(self, content: Any) -> int:
        left = memoryview(content).cast("B")
        size = len(left)
        while left and self._error is None:
            try:
                left = left[super().write(left) :]  # a nearly full disk takes a part
            except OSError as error:
                self._error = error
        return size


def unpack(
    packed: Path,
    store_root: Path,
    *,
    on_video: Callable[[str], None] = _ignore,
    on_problem: Callable[[str], None] = _refuse,
) -> int:
    """Unpack into a folder, or continue one; returns how many videos were written.

    on_problem: as for pack. Raises StoreError.
    """
    source = FeatureStore(packed)
    if not source.packed:
        raise StoreError(f"{packed} is not a packed store")
    store = FeatureStore.create(store_root, source.spec, batch_shape=source.batch_shape)
    ids = source.ids(on_problem)
    store.remove_stale(among=ids)
    written = 0
    for video_id in ids:
        try:
            if video_id in store:
                continue
            store.write(source.verify(video_id))
        except StoreError as error:
            on_problem(str(error))
            continue
        written += 1
        on_video(video_id)
    return written


def _refuse_nested(ids: list[str]) -> None:
    # One group cannot hold both the arrays of a video and another video.
    known = set(ids)
    for video_id in ids:
        parts = video_id.split("/")
        for end in range(1, len(parts)):
            if (parent := "/".join(parts[:end])) in known:
                raise StoreError(f"{video_id} lies below the video {parent}; such a store cannot be packed")
