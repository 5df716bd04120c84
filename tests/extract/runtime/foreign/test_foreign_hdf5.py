"""HDF5 files that lead to other files, that lie about their size, or that are damaged."""

import os

import h5py
import numpy as np
import pytest

from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.hdf5_files import (
    attribute,
    child_names,
    dataset_of,
    datasets_below,
    node_of,
    open_hdf5,
    read_dataset,
)
from extract.runtime.foreign.sandbox import in_sandbox

NUMBERS = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def path(tmp_path):
    """A path for a file, beside a pipe, whose opening would wait for ever, and a secret."""
    os.mkfifo(tmp_path / "pipe")
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["a"] = NUMBERS
    return tmp_path / "a.h5"


def external_link(file):
    file["a"] = h5py.ExternalLink("secret.h5", "a")


def link_to_a_pipe(file):
    file["a"] = h5py.ExternalLink("pipe", "a")


def soft_link(file):
    file["b"] = NUMBERS
    file["a"] = h5py.SoftLink("/b")


def external_group(file):
    file["a"] = h5py.ExternalLink("secret.h5", "/")


def external_storage(file):
    file.create_dataset("a", (64,), "u1", external=[("/etc/passwd", 0, 64)])


def virtual(file):
    layout = h5py.VirtualLayout((2, 3), "f4")
    layout[:] = h5py.VirtualSource("secret.h5", "a", (2, 3))
    file.create_virtual_dataset("a", layout)


def endless_virtual(file):
    layout = h5py.VirtualLayout((2, 3), "f4", maxshape=(None, 3))
    source = h5py.VirtualSource("pipe", "a", (2, 3), maxshape=(None, 3))
    layout[: h5py.h5s.UNLIMITED] = source[: h5py.h5s.UNLIMITED]
    file.create_virtual_dataset("a", layout)


ELSEWHERE = (
    external_link,
    link_to_a_pipe,
    soft_link,
    external_group,
    external_storage,
    virtual,
    endless_virtual,
)


@pytest.mark.parametrize("make", ELSEWHERE, ids=lambda make: make.__name__)
def test_what_lies_in_other_files_is_never_opened(make, path):
    with h5py.File(path, "w") as file:
        make(file)
    for find in (
        lambda file: dataset_of(file, "a"),
        lambda file: node_of(file, "a"),
        lambda file: list(datasets_below(file)),
    ):
        with (
            open_hdf5(path) as file,
            pytest.raises(ForeignFileError, match="never (opened|followed)") as caught,
        ):
            find(file)
        assert str(caught.value).startswith(f"{path}: ")
    with open_hdf5(path) as file:
        assert "a" in child_names(file)


def test_what_is_stored_in_the_file_is_read(path):
    with h5py.File(path, "w") as file:
        file["a/b"] = NUMBERS.astype(">f8")
        file["other"] = h5py.ExternalLink("secret.h5", "a")
        file["a"].attrs["fps"] = 25.0
    with open_hdf5(path) as file:
        found = read_dataset(dataset_of(file, "a/b"))
        assert np.array_equal(found, NUMBERS) and found.dtype.isnative
        assert np.array_equal(read_dataset(dataset_of(file, "a/b"), slice(1, 2)), NUMBERS[1:])
        assert attribute(node_of(file, "a"), "fps", float) == 25.0


@pytest.mark.parametrize("place", ["b", "", "a/b", "/", "../a", ".", "a/..", "\udcff", "a\0"])
def test_a_place_that_is_not_there_is_named(place, path):
    with h5py.File(path, "w") as file:
        file["a"] = NUMBERS
    with open_hdf5(path) as file, pytest.raises(ForeignFileError) as caught:
        dataset_of(file, place)
    assert str(caught.value).isprintable()


def test_names_that_are_not_utf8_are_read(path):
    with h5py.File(path, "w") as file:
        file.create_dataset(b"a\xff", data=NUMBERS)
    with open_hdf5(path) as file:
        ((place, dataset),) = datasets_below(file)
        assert place == "a\udcff" and np.array_equal(read_dataset(dataset), NUMBERS)


def test_a_group_that_holds_itself_and_one_of_many_levels_end(path):
    with h5py.File(path, "w") as file:
        file["a/b"] = NUMBERS
        file["a/c"] = file["a"]
    with open_hdf5(path) as file:
        assert [place for place, _ in datasets_below(file)] == ["a/b"]
    with h5py.File(path, "w") as file:
        file["/".join("x" * 200)] = NUMBERS
    with open_hdf5(path) as file, pytest.raises(ForeignFileError, match="more than 32 levels"):
        list(datasets_below(file))


def bomb(file):
    file.create_dataset("a", (1 << 30,), "u1", chunks=(1 << 25,), compression="gzip", fillvalue=0)


def hole(file):
    file.create_dataset("a", (10**12, 1024), "f4", chunks=(1, 1024))


def large_chunk(file):
    file.create_dataset("a", (1,), "f4", maxshape=(None,), chunks=(1 << 29,), compression="gzip")


@pytest.mark.parametrize("make", [bomb, hole, large_chunk], ids=lambda make: make.__name__)
def test_what_would_unpack_to_far_more_is_refused(make, path):
    with h5py.File(path, "w") as file:
        make(file)
    with (
        open_hdf5(path) as file,
        pytest.raises(ForeignFileError, match="a would unpack from .* as no features"),
    ):
        dataset_of(file, "a")


def test_what_is_compressed_twice_is_refused(path):
    with h5py.File(path, "w") as file:
        created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        created.set_chunk((64,))
        created.set_deflate(9)
        created.set_deflate(9)
        space = h5py.h5s.create_simple((64,))
        h5py.h5d.create(file.id, b"a", h5py.h5t.NATIVE_FLOAT, space, dcpl=created)
    with open_hdf5(path) as file, pytest.raises(ForeignFileError, match="compressed more than once"):
        dataset_of(file, "a")


@pytest.mark.parametrize(
    "value, expected",
    [
        (np.zeros(3), float),
        ("25", float),
        (25, str),
        (1.5, int),
        (h5py.Empty("f4"), float),
        (np.zeros(0), float),
    ],
    ids=repr,
)
def test_an_attribute_of_another_type_or_shape_is_refused(value, expected, path):
    with h5py.File(path, "w") as file:
        file.attrs["fps"] = value
    with open_hdf5(path) as file:
        with pytest.raises(ForeignFileError, match="attribute fps is"):
            attribute(file, "fps", expected)
        with pytest.raises(ForeignFileError, match="has no attribute other"):
            attribute(file, "other", expected)


@pytest.mark.parametrize(
    "value", [np.array([b"text"], "S4"), np.array(["x"], object), np.zeros(2, "c8")], ids=repr
)
def test_what_is_no_number_is_refused(value, path):
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=value)
        file["type"] = np.dtype("f4")
        file["empty"] = h5py.Empty("f4")
    with open_hdf5(path) as file:
        for name, reason in (("a", "expected numbers"), ("empty", "expected numbers"), ("type", "is a type")):
            with pytest.raises(ForeignFileError, match=reason):
                read_dataset(dataset_of(file, name))


def everything(path: str) -> int:
    with open_hdf5(path) as file:
        return sum(read_dataset(dataset).size for _, dataset in datasets_below(file))


@pytest.mark.slow
def test_damage_at_any_byte_is_a_value_or_one_line(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("a/b", data=NUMBERS, compression="gzip", chunks=(2, 3))
    content = path.read_bytes()
    refused = 0
    for place in [*range(0, 1600, 8), *range(1600, len(content), 160)]:
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            in_sandbox(everything, path, kind="an HDF5 file", seconds=60)
        except ForeignFileError as error:
            refused += 1
            assert str(error).startswith(f"{path}: ") and str(error).isprintable()
    assert refused > 20
