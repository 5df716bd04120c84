"""Walks through folders and HDF5 files of other people name what they leave out, and go on."""

import os
import subprocess

import h5py
import numpy as np
import pytest

from extract.runtime.atomic import partial_path, remove_stale
from extract.runtime.foreign.folder_walk import files_below
from extract.runtime.foreign.hdf5_files import datasets_below, open_hdf5
from extract.store import FeatureStore, StoreError
from support.tiny_stores import make_spec

LEVELS = 1500  # more than Python recurses


def test_links_that_are_not_followed_are_named_and_pipes_come_where_they_are_wanted(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder in (root / "in", outside):
        folder.mkdir(parents=True)
        (folder / "a.npy").write_bytes(b"")
    os.mkfifo(root / "pipe.npy")
    (root / "file.npy").symlink_to(outside / "a.npy")
    (root / "folder").symlink_to(outside)
    (root / "loop").symlink_to(root)
    problems = []
    for irregular, expected in ((False, ["in/a.npy"]), (True, ["pipe.npy", "in/a.npy"])):
        problems.clear()
        found = list(files_below(root, on_problem=problems.append, links=False, irregular=irregular))
        assert [path.relative_to(root).as_posix() for path in found] == expected
        assert [error.path.name for error in problems] == ["file.npy", "folder", "loop"]


@pytest.mark.slow
def test_levels_beyond_recursion_hide_no_partial_file_and_no_store(tmp_path):
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(LEVELS):  # one by one, because a path of them all is too long
        os.mkdir("in", dir_fd=folder)
        below = os.open("in", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)
    left = partial_path(tmp_path / "z" / "cam.mp4")
    left.parent.mkdir()
    left.write_bytes(b"of another life")
    assert remove_stale(tmp_path) == 1 and not left.exists()
    (tmp_path / "z" / "a.h5").write_bytes(b"kept")
    with pytest.raises(StoreError, match="no feature store and holds z/a.h5"):
        FeatureStore.create(tmp_path, make_spec())
    subprocess.run(["rm", "-rf", str(tmp_path / "in")], check=True)  # pytest's own clean-up recurses


def test_refused_data_sets_do_not_hide_the_others(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["secret"] = np.arange(3.0)
    with h5py.File(tmp_path / "theirs.h5", "w") as file:
        for place in ("a/rows", "z/rows"):
            file[place] = np.arange(3.0)
        file["a/external"] = h5py.ExternalLink("other.h5", "/secret")
        file["soft"] = h5py.SoftLink("/z")
        file["raw"] = np.arange(2.0)
        space, created = h5py.h5s.create_simple((3,)), h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        created.set_external(b"other.h5", 0, 24)
        h5py.h5d.create(file.id, b"b", h5py.h5t.NATIVE_DOUBLE, space, created)
        layout = h5py.VirtualLayout((3,), "f8")
        layout[:] = h5py.VirtualSource("other.h5", "secret", (3,))
        file.create_virtual_dataset("virtual", layout)
    problems = {}
    with open_hdf5(tmp_path / "theirs.h5") as file:
        places = [place for place, _ in datasets_below(file, on_problem=problems.__setitem__)]
    assert places == ["raw", "a/rows", "z/rows"]
    assert sorted(problems) == ["a/external", "b", "soft", "virtual"]
    assert all(error.path.name == "theirs.h5" for error in problems.values())
