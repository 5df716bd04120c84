"""Arrays of other people: .npy, .npz and MATLAB files, plain numbers only."""

from __future__ import annotations

import math
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from extract.runtime.foreign.foreign_error import ForeignFileError, reading
from extract.runtime.foreign.regular_file import check_regular, open_regular, size_text
from extract.runtime.foreign.sandbox import in_sandbox

NUMBERS = "biuf"  # numpy's kinds of real numbers
# What compressed data may unpack to: this many bytes in any case, beyond that this multiple of its size.
# Features and scores of float32 compress to a half at best; constant ones of a long video stay below the
# first limit.
ALWAYS_BYTES, MOST_EXPANSION = 1 << 26, 200
LONGEST_EMPTY = 1 << 20  # side of an array without numbers; a loop over a longer one would not end
PACKINGS = (
    zipfile.ZIP_STORED,
    zipfile.ZIP_DEFLATED,
)  # all that NumPy writes; others take memory as they like
OBJECTS = "holds Python objects, which are never loaded because they can run code; save plain numbers"
NPY, NPZ = "an .npy file", "an .npz file"


def read_npy(path: Path | str, *, kinds: str = NUMBERS, mapped: bool = False) -> np.ndarray:
    """The array of an .npy file.

    kinds: numpy's kinds of types that are accepted. mapped: numbers are read from the disk when they are
    used. The array is in the machine's byte order, unless it is mapped, and never longer than float64.

    Raises ForeignFileError, also for an array with fewer bytes than its header states.
    """
    with open_regular(path, expected=NPY) as file, reading(path, NPY):
        shape, dtype = _header(path, file, kinds)
        stated, there = (
            math.prod(shape) * dtype.itemsize,
            os.fstat(file.fileno()).st_size - file.seek(0, os.SEEK_CUR),
        )
        if there < stated:
            raise ForeignFileError(
                path, f"is cut off: {size_text(there)} of numbers, its header states {size_text(stated)}"
            )
        if mapped and stated:
            return np.load(path, mmap_mode="r", allow_pickle=False)
        file.seek(0)
        return plain_numbers(np.lib.format.read_array(file, allow_pickle=False))


def npz_names(path: Path | str) -> list[str]:
    """The names of the arrays in an .npz file. Raises ForeignFileError."""
    with open_regular(path, expected=NPZ) as file, reading(path, NPZ), zipfile.ZipFile(file) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


def read_npz(path: Path | str, name: str, *, kinds: str = NUMBERS, always: int | None = None) -> np.ndarray:
    """One array of an .npz file. always: see check_expansion. Raises ForeignFileError."""
    with open_regular(path, expected=NPZ) as file, reading(path, NPZ), zipfile.ZipFile(file) as archive:
        if f"{name}.npy" not in archive.namelist():
            names = ", ".join(each.removesuffix(".npy") for each in archive.namelist())
            raise ForeignFileError(path, f"has no array {name}; it holds {names or 'nothing'}")
        entry = archive.getinfo(f"{name}.npy")
        if entry.compress_type not in PACKINGS:
            raise ForeignFileError(path, f"{name} is compressed as NumPy never does")
        # The file may state more than it has.
        packed = min(entry.compress_size, os.fstat(file.fileno()).st_size)
        check_expansion(path, name, entry.file_size, packed, always=always)
        with archive.open(entry) as member:
            shape, dtype = _header(path, member, kinds, name=name)
            if math.prod(shape) * dtype.itemsize > entry.file_size - member.seek(0, os.SEEK_CUR):
                raise ForeignFileError(
                    path,
                    f"{name} is cut off: its header states {size_text(math.prod(shape) * dtype.itemsize)}",
                )
        with archive.open(entry) as member:
            return plain_numbers(np.lib.format.read_array(member, allow_pickle=False))


def read_mat(
    path: Path | str, names: list[str] | None = None, *, always: int | None = None
) -> dict[str, Any]:
    """Variables of a MATLAB file, v4 to v7.3. names: only these. always: see check_expansion. Raises
    ForeignFileError.

    Values are arrays of numbers, lists of them (cell arrays) or texts; whatever else the file holds is left
    out. SciPy's reader crashes on some damaged files, so it runs in a sandbox.
    """
    check_regular(path, expected="a MATLAB file")
    return in_sandbox(_read_mat, path, names, always, kind="a MATLAB file")


def check_expansion(
    path: Path | str, name: str, unpacked: int, packed: int, *, always: int | None = None
) -> None:
    """Raise ForeignFileError for data that unpacks to far more than numbers of a video can.

    always: bytes that it may unpack to in any case, None = ALWAYS_BYTES; masks, which are nearly empty,
    shrink far more than features.
    """
    if unpacked > max(ALWAYS_BYTES if always is None else always, packed * MOST_EXPANSION):
        raise ForeignFileError(
            path,
            f"{name} would unpack from {size_text(packed)} to {size_text(unpacked)}, as no features do",
        )


def plain_numbers(array: np.ndarray) -> np.ndarray:
    """The array in the machine's byte order and in a type that every library knows; most come back as is."""
    kind = array.dtype
    if kind.kind == "f" and kind.itemsize > 8:
        return array.astype(np.float64)
    return array if kind.isnative else array.astype(kind.newbyteorder("="))


def _header(path: Path | str, file: Any, kinds: str, name: str = "") -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type that an array's header states; the array itself is not read."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    what = f"{name} " if name else ""
    if min(shape, default=1) < 0 or 0 in shape and max(shape) > LONGEST_EMPTY:
        raise ForeignFileError(path, f"{what}has the impossible shape {list(shape)}")
    if dtype.hasobject:
        raise ForeignFileError(path, what + OBJECTS)
    if dtype.kind not in kinds:
        raise ForeignFileError(
            path, f"{what}holds {dtype}, expected {'real numbers' if kinds == NUMBERS else 'another type'}"
        )
    return shape, dtype


def _read_mat(path: str, names: list[str] | None, always: int | None) -> dict[str, Any]:
    """Runs in the sandbox."""
    with open(path, "rb") as file:
        is_hdf5 = b"MATLAB 7.3" in file.read(128)
    if is_hdf5:
        return _read_mat_73(path, names)
    from scipy.io import loadmat

    found = loadmat(path, variable_names=names)
    plain = {
        name: value
        for name in found
        if not name.startswith("__") and (value := _plain(found[name])) is not None
    }
    # Before they are sent: what asked for them has less memory left than this process.
    unpacked = sum(map(_bytes_of, plain.values()))
    check_expansion(path, "it", unpacked, os.stat(path).st_size, always=always)
    return plain


def _read_mat_73(path: str, names: list[str] | None) -> dict[str, Any]:
    from extract.runtime.foreign.hdf5_files import child_names, dataset_of, open_hdf5, read_dataset

    with open_hdf5(path) as file:
        wanted = [
            name
            for name in child_names(file)
            if not name.startswith("#") and (names is None or name in names)
        ]
        found = {}
        for name in wanted:
            try:
                # MATLAB stores columns first, so axes come in reverse.
                found[name] = read_dataset(dataset_of(file, name)).T
            except ForeignFileError:
                continue  # a group or a cell array of references
        return found


def _bytes_of(value: Any) -> int:
    return (
        value.nbytes
        if isinstance(value, np.ndarray)
        else sum(map(_bytes_of, value if isinstance(value, list) else ()))
    )


def _plain(value: Any) -> Any:
    """Numbers, text, or a list of arrays of numbers; None for anything else."""
    if isinstance(value, np.ndarray) and value.dtype.kind in NUMBERS:
        return plain_numbers(value)
    if isinstance(value, np.ndarray) and value.dtype.kind == "U":
        return [str(each) for each in value.reshape(-1)] if value.size != 1 else str(value.reshape(-1)[0])
    if isinstance(value, np.ndarray) and value.dtype.kind == "O":
        cells = [_plain(each) for each in value.reshape(-1)]
        return None if any(each is None for each in cells) else cells
    return None
