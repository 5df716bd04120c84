"""A store as one file and back: easier to copy, read the same way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py

from extract.runtime.atomic import writing
from extract.store import FeatureStore, StoreError, describe
from extract.store.video_features import write_group


def pack(store_root: Path, target: Path, *, on_video: Callable[[str], None] = lambda video_id: None) -> int:
    """Join a store into one .h5, groups by video id; returns how many videos. Every file is verified on the way.

    Raises StoreError for a damaged file or a target that exists; then no target is left behind.
    """
    store = FeatureStore(store_root)
    if target.exists():
        raise StoreError(f"{target} exists; remove it or pack into another file")
    ids = store.ids()
    _refuse_nested(ids)
    try:
        with writing(target) as partial, h5py.File(partial, "w") as file:
            file.attrs["store"] = describe(store.spec, store.batch_shape)
            for video_id in ids:
                write_group(file.create_group(video_id), store.verify(video_id), store.spec)
                on_video(video_id)
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror or error}") from error
    return len(ids)


def unpack(packed: Path, store_root: Path, *, on_video: Callable[[str], None] = lambda video_id: None) -> int:
    """Make a folder of a packed store, or go on with one; returns how many videos were written."""
    source = FeatureStore(packed)
    if not source.packed:
        raise StoreError(f"{packed} is no packed store")
    store = FeatureStore.create(store_root, source.spec, batch_shape=source.batch_shape)
    todo = [video_id for video_id in source.ids() if video_id not in store]
    for video_id in todo:
        store.write(source.verify(video_id))
        on_video(video_id)
    return len(todo)


def _refuse_nested(ids: list[str]) -> None:
    known = set(ids)
    for video_id in ids:
        parts = video_id.split("/")
        for end in range(1, len(parts)):
            if "/".join(parts[:end]) in known:  # a group would hold both a video's arrays and another video
                raise StoreError(
                    f"{video_id} lies below the video {'/'.join(parts[:end])}; such a store cannot be packed"
                )
