"""Folders that never end, or seem not to."""

import os

import pytest

from extract.runtime.foreign.folder_walk import files_below
from extract.runtime.foreign.foreign_error import ForeignFileError
from support.hostile_files import IRREGULAR


def test_files_come_in_order_and_hidden_ones_do_not(tmp_path):
    for name in ("b/2.txt", "b/1.txt", "a/deep/x.txt", "z.txt", ".hidden/y.txt", "b/.z.txt", "b/3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = files_below(tmp_path, wanted=lambda name: name.endswith(".txt"))
    names = [path.relative_to(tmp_path).as_posix() for path in found]
    assert names == ["z.txt", "a/deep/x.txt", "b/1.txt", "b/2.txt"]


def test_links_in_circles_are_walked_once(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "x").write_bytes(b"")
    (tmp_path / "a" / "self").symlink_to(".")
    (tmp_path / "a" / "b" / "up").symlink_to("../..")
    (tmp_path / "c").symlink_to("a")
    (tmp_path / "d").symlink_to("d")
    # Two links per level would make 2^30 paths.
    for level in range(30):
        (tmp_path / "fan" / str(level)).mkdir(parents=True)
        for name in ("left", "right"):
            (tmp_path / "fan" / str(level) / name).symlink_to(f"../{level + 1}")
    assert [path.name for path in files_below(tmp_path)] == ["x"]
    assert [path.name for path in files_below(tmp_path, links=False)] == ["x"]


def test_only_regular_files_are_found_unless_others_are_asked_for(tmp_path):
    for name, make in IRREGULAR.items():
        make(tmp_path / name)
    assert list(files_below(tmp_path)) == []
    found = [path.name for path in files_below(tmp_path, irregular=True)]
    assert found == sorted({*IRREGULAR} - {"folder", "missing"})


@pytest.fixture
def deep(tmp_path):
    """A folder of many levels, whose path is longer than any that the system takes."""
    here = os.getcwd()
    (tmp_path / "deep").mkdir()
    os.chdir(tmp_path / "deep")
    try:
        # No more, because Python cannot remove deeper ones.
        for _ in range(400):
            os.mkdir("a name of 20 letters")
            os.chdir("a name of 20 letters")
    finally:
        os.chdir(here)
    return tmp_path / "deep"


def test_hundreds_of_levels_are_one_line_and_the_rest_is_found(deep):
    (deep.parent / "z").write_bytes(b"")
    (deep.parent / "y").mkdir()
    (deep.parent / "y" / "file").write_bytes(b"")
    problems = []
    found = [path.name for path in files_below(deep.parent, on_problem=problems.append)]
    assert found == ["z", "file"] and len(problems) == 1 and "64 folders deep" in str(problems[0])
    with pytest.raises(ForeignFileError, match="64 folders deep"):
        list(files_below(deep.parent))


@pytest.mark.parametrize("kind", IRREGULAR)
def test_what_is_no_folder_is_one_line(kind, tmp_path):
    if kind != "folder":
        IRREGULAR[kind](tmp_path / kind)
        with pytest.raises(ForeignFileError, match="the folder cannot be listed"):
            list(files_below(tmp_path / kind))
