"""The groups of a packed store: one per video, at its id."""

from __future__ import annotations

from collections.abc import Callable

import h5py
from h5py import h5o  # pyright: ignore[reportAttributeAccessIssue]

from extract.runtime.foreign.foreign_error import ForeignFileError, reading
from extract.runtime.foreign.hdf5_files import DEEPEST, attribute, child_names, node_of, path_of
from extract.store.file_header import KIND
from extract.store.stored_digest import digest_of_texts

# Attributes of the file: what store.json says, and since format 2 the digest of the sorted ids.
STORE, IDS = "store", "ids_digest"


def group_in_pack(file: h5py.File, video_id: str) -> h5py.Group:
    """The group of a video. Raises KeyError if there is none, ForeignFileError for a link and other nodes."""
    group: h5py.Group | h5py.Dataset = file
    for name in video_id.split("/"):
        with reading(path_of(file), KIND):
            is_there = isinstance(group, h5py.Group) and group.id.links.exists(name.encode())
        if not isinstance(group, h5py.Group) or not is_there:
            raise KeyError(video_id)
        group = node_of(group, name)
    if not isinstance(group, h5py.Group):
        raise ForeignFileError(path_of(file), f"{video_id} is a dataset, expected the group of a video")
    with reading(path_of(file), KIND):
        is_video = "complete" in group.attrs
    if not is_video:
        raise KeyError(video_id)
    return group


def video_groups(file: h5py.File, *, on_problem: Callable[[ForeignFileError], None]) -> list[str]:
    """The sorted ids of all videos; what else the file holds goes to on_problem."""
    path = path_of(file)
    ids: list[str] = []
    seen: set[tuple[int, int]] = set()
    # A list of what is left instead of recursion, whose depth a file could choose.
    waiting: list[tuple[str, h5py.Group]] = [("", file)]
    while waiting:
        place, group = waiting.pop()
        for name in child_names(group):
            here = f"{place}{name}"
            try:
                node = node_of(group, name)
                with reading(path, KIND):
                    info = h5o.get_info(node.id)
                    key = (info.fileno, info.addr)
                    is_video = "complete" in node.attrs
                if not isinstance(node, h5py.Group):
                    raise ForeignFileError(path, f"{here} is a dataset outside of a video")
                if key in seen:
                    raise ForeignFileError(path, f"{here} is another name of something in the file")
                if here.count("/") > DEEPEST:
                    raise ForeignFileError(path, f"{here} is more than {DEEPEST} groups deep")
                seen.add(key)
                if is_video:
                    ids.append(here)
                else:
                    waiting.append((f"{here}/", node))
            except ForeignFileError as error:
                on_problem(error)
    return sorted(ids)


def write_ids(file: h5py.File, video_ids: list[str]) -> None:
    """Record which videos a pack holds."""
    file.attrs[IDS] = digest_of_texts(sorted(video_ids))


def check_ids(file: h5py.File, video_ids: list[str]) -> None:
    """Raise ForeignFileError unless a pack holds the videos that it was given. video_ids: sorted."""
    if attribute(file, IDS, str) != digest_of_texts(video_ids):
        raise ForeignFileError(path_of(file), "its videos do not fit their digest; one is missing or renamed")
