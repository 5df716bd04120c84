"""Every reader of the gate, given any file: its value, or one printable line that begins with the path."""

import io
import os
import pickle
import time

import h5py
import numpy as np
import pytest
from PIL import Image

from extract.runtime.foreign.arrays import npz_names, read_mat, read_npy, read_npz
from extract.runtime.foreign.file_kinds import mistaken_for
from extract.runtime.foreign.foreign_error import ForeignFileError, reading
from extract.runtime.foreign.hdf5_files import datasets_below, open_hdf5, read_dataset
from extract.runtime.foreign.pictures import open_picture
from extract.runtime.foreign.regular_file import check_regular, open_regular, read_regular
from extract.runtime.foreign.tensor_files import read_tensors
from extract.runtime.foreign.text_files import read_csv, read_json, read_text, read_yaml
from support import hostile_files
from support.hostile_files import CONTENTS, IRREGULAR

NUMBERS = np.arange(6, dtype=np.float32).reshape(2, 3)


def read_hdf5(path):
    with open_hdf5(path) as file:
        return {place: read_dataset(dataset) for place, dataset in datasets_below(file)}


def read_picture(path):
    with open_picture(path) as image:
        return np.asarray(image)


def opened(path):
    with open_regular(path) as file:
        return file.read(1 << 20)


READERS = {
    "open": opened,
    "check": check_regular,
    "whole": read_regular,
    "text": read_text,
    "json": read_json,
    "yaml": read_yaml,
    "csv": read_csv,
    "npy": read_npy,
    "mapped npy": lambda path: read_npy(path, mapped=True),
    "npz": lambda path: read_npz(path, "a"),
    "names": npz_names,
    "hdf5": read_hdf5,
    "picture": read_picture,
    "tensors": read_tensors,
}
ANY_BYTES = ("open", "check", "whole")


def refusal(read, path) -> str | None:
    """What the reader says of a file in its one line, None if it returned a value."""
    begun = time.monotonic()
    try:
        read(path)
        return None
    except ForeignFileError as error:
        line = str(error)
        assert isinstance(error, ValueError) and line.isprintable() and len(line) < 2000
        assert line.startswith(f"{path}: ") and line == f"{path}: {error.reason}" and error.reason
        assert str(pickle.loads(pickle.dumps(error))) == line
        return error.reason
    finally:
        assert time.monotonic() - begun < 20


@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_regular_file_is_refused_at_once(reader, tmp_path):
    for kind, make in IRREGULAR.items():
        path = tmp_path / kind
        make(path)
        reason = refusal(READERS[reader], path)
        expected = {
            "pipe": "is a pipe",
            "zeros": "is a device",
            "folder": "is a folder",
            "socket": "is a socket",
            "missing": "no such file",
            "link to nothing": "a link to a file that does not exist",
            "link to itself": "cannot be opened",
        }[kind]
        assert reason and reason.startswith(expected)


@pytest.mark.parametrize("reader", [name for name in READERS if name not in ANY_BYTES])
def test_bytes_of_another_kind_are_a_value_or_one_line(reader, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for kind, content in CONTENTS.items():
        (tmp_path / kind).write_bytes(content)
        reason = refusal(READERS[reader], tmp_path / kind)
        # Text is any text, and CSV any lines; a word is a value of YAML, and no bytes are null.
        valid = reader in ("text", "csv", "yaml")
        assert reason or valid
        if kind == "page" and not valid and reader != "tensors":
            assert reason and "HTML" in reason
        if kind == "pointer" and not valid and reader != "tensors":
            assert reason and "git lfs pull" in reason
    assert not (tmp_path / "STARTED").exists()


def png() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(file, "PNG")
    return file.getvalue()


SMALL = {
    "npy": ("npy", hostile_files.npy(NUMBERS)),
    "mapped npy": ("mapped npy", hostile_files.npy(NUMBERS)),
    "npz": ("npz", hostile_files.npz(NUMBERS)),
    "names": ("names", hostile_files.npz(NUMBERS)),
    "json": ("json", b'{"a": [1, 2.5, null, "\\u00e9"], "b": {"c": true}}'),
    "yaml": ("yaml", b"a: [1, 2.5]\nb:\n  c: yes\n"),
    "csv": ("csv", 'frame,"na""me"\n1,é\n'.encode()),
    "picture": ("picture", png()),
}


@pytest.mark.parametrize("name", SMALL)
def test_damage_at_every_byte_is_a_value_or_one_line(name, tmp_path):
    reader, content = SMALL[name]
    path = tmp_path / "file"
    path.write_bytes(content)
    assert refusal(READERS[reader], path) is None
    refused = 0
    for bytes_ in hostile_files.damaged(content):
        path.unlink()  # to write over a file makes some disks wait
        path.write_bytes(bytes_)
        refused += refusal(READERS[reader], path) is not None
    assert refused > (0 if name == "csv" else 10)


def test_the_line_shows_names_that_a_terminal_would_act_on(tmp_path):
    path = tmp_path / os.fsdecode(b"a\x1b[31m\n\xff")
    path.write_bytes(b"no")
    for read in READERS.values():
        with pytest.raises(ForeignFileError) as caught:
            read(path / "below")
        assert str(caught.value).isprintable() and "a\\x1b[31m\\n\\xff" in str(caught.value)
    path = tmp_path / "b.npz"
    path.write_bytes(hostile_files.npz(NUMBERS).replace(b"a.npy", b"\x1b.npy"))
    assert "holds \\x1b" in (refusal(READERS["npz"], path) or "")


@pytest.mark.parametrize(
    "error", [KeyError(), RecursionError("x" * 9999), MemoryError(), UserWarning("\x1b\n")]
)
def test_whatever_a_parser_raises_becomes_one_line(error, tmp_path):
    def read(path):
        with reading(path, "a test file"):
            raise error

    assert "a test file" in (refusal(read, tmp_path / "file") or "")


def test_what_ends_a_program_is_no_matter_of_the_file(tmp_path):
    with pytest.raises(KeyboardInterrupt), reading(tmp_path, "a file"):
        raise KeyboardInterrupt


def test_a_file_that_is_larger_than_the_limit_is_not_read(tmp_path):
    path = tmp_path / "large"
    with open(path, "wb") as file:
        file.truncate(1 << 40)  # a hole, which takes no room on the disk
    for read in (read_regular, read_text, read_json, read_yaml, read_csv):
        assert "1.1 TB, more than the" in (refusal(read, path) or "")
    with open_regular(path) as file:
        assert file.read(2) == b"\0\0"


def test_a_damaged_file_of_the_right_kind_is_not_called_another_one(tmp_path):
    (tmp_path / "a").write_bytes(hostile_files.npz(NUMBERS)[:40])
    assert mistaken_for(tmp_path / "a", "an .npz file") is None
    assert "ZIP" in (mistaken_for(tmp_path / "a", "an .npy file") or "")


def test_sound_files_are_read_as_they_are(tmp_path):
    np.save(tmp_path / "a.npy", NUMBERS)
    np.savez_compressed(tmp_path / "a.npz", a=NUMBERS, b=NUMBERS + 1)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("group/a", data=NUMBERS, compression="gzip", shuffle=True)
    assert np.array_equal(read_npy(tmp_path / "a.npy"), NUMBERS)
    assert np.array_equal(read_npy(tmp_path / "a.npy", mapped=True), NUMBERS)
    assert npz_names(tmp_path / "a.npz") == ["a", "b"]
    assert np.array_equal(read_npz(tmp_path / "a.npz", "b"), NUMBERS + 1)
    assert np.array_equal(read_hdf5(tmp_path / "a.h5")["group/a"], NUMBERS)


@pytest.mark.slow
def test_matlab_files_that_crash_their_reader_are_one_line(tmp_path):
    from scipy.io import savemat

    path = tmp_path / "a.mat"
    cells = np.empty(2, object)
    cells[:] = [NUMBERS, NUMBERS + 1]
    savemat(path, {"a": NUMBERS, "b": cells})
    sound = read_mat(path)
    assert np.array_equal(sound["a"], NUMBERS) and len(read_mat(path, ["b"])["b"]) == 2
    for number, content in enumerate(hostile_files.damaged(path.read_bytes())):
        if number % 61 == 0:
            place = tmp_path / f"{number}.mat"
            place.write_bytes(content)
            refusal(read_mat, place)
    for kind in IRREGULAR:
        IRREGULAR[kind](tmp_path / kind)
        assert refusal(read_mat, tmp_path / kind)
    for content in CONTENTS.values():
        (tmp_path / "other.mat").write_bytes(content)
        refusal(read_mat, tmp_path / "other.mat")
    # A bomb: many megabytes of zeros in as many kilobytes.
    savemat(path, {"a": np.zeros(68 << 20, np.uint8)}, do_compression=True)
    assert "would unpack" in (refusal(read_mat, path) or "")
