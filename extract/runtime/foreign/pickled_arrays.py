"""Arrays of numbers from a pickle, in a sandbox, without running what a pickle may ask for.

A pickle is a program. This reader knows the callables that numpy's arrays need, each replaced by one of its
own that only collects numbers; anything else that a file names is refused before it is imported.
"""

from __future__ import annotations

import os
import pickle
import re
from pathlib import Path

import numpy as np

from extract.runtime.foreign.arrays import check_expansion
from extract.runtime.foreign.foreign_error import ForeignFileError, one_line
from extract.runtime.foreign.regular_file import check_regular
from extract.runtime.foreign.sandbox import in_sandbox

PICKLE = "a pickle of arrays"


def read_pickled_arrays(path: Path | str, key: str) -> dict[str, np.ndarray]:
    """Name -> array of the dictionary that a pickled dictionary holds under `key`; other values are left out.

    Raises ForeignFileError for a pickle that holds or asks for anything else.
    """
    check_regular(path, expected=PICKLE)
    return in_sandbox(_arrays_of, path, key, kind=PICKLE)


def _arrays_of(path: str, key: str) -> dict[str, np.ndarray]:
    """Runs in the sandbox: a pickle may also ask for more memory than there is."""
    with open(path, "rb") as file:
        try:
            # Python 2 wrote bytes as text; latin1 maps them back one to one.
            content = _ArraysOnly(file, encoding="latin1").load()
        except _RefusedError as error:  # not as damage, which is explained by what the file seems to be
            raise ForeignFileError(path, f"cannot be read as {PICKLE}: {one_line(error)}") from None
    held = content.get(key) if isinstance(content, dict) else None
    if not isinstance(held, dict):
        raise ValueError(f"it lacks {key!r}, a dictionary of arrays")
    arrays = {
        name: each.numbers()
        for name, each in held.items()
        if isinstance(name, str) and isinstance(each, _Array)
    }
    # One array may stand under any number of names.
    check_expansion(path, "it", sum(each.nbytes for each in arrays.values()), os.stat(path).st_size)
    return arrays


class _RefusedError(pickle.UnpicklingError):
    pass


class _Dtype:
    """Stands for numpy.dtype: keeps the code and the byte order."""

    def __init__(self, code, *_):
        self.code, self.order = str(code), "="

    def __setstate__(self, state):
        self.order = str(state[1])

    def plain(self) -> np.dtype:
        if not re.fullmatch(r"[fiub][1248]", self.code) or self.order not in "<>=|":
            raise ValueError(f"arrays of type {self.code!r} are not numbers")
        return np.dtype(self.order + self.code)


class _Array:
    """Stands for numpy.ndarray: keeps shape, type and bytes until `numbers` checks them."""

    def __init__(self, *_):
        self.state: tuple | None = None

    def __setstate__(self, state):
        self.state = state

    def numbers(self) -> np.ndarray:
        if self.state is None:
            raise ValueError("an array has no content")
        _, shape, dtype, fortran, content = self.state
        # Python 2's bytes arrive as text.
        content = content.encode("latin1") if isinstance(content, str) else content
        values = np.frombuffer(content, dtype.plain()).reshape(shape, order="F" if fortran else "C")
        native = values.astype(values.dtype.newbyteorder("="), order="C")
        return native.astype(np.float32) if native.dtype.kind != "f" else native


class _Scalar(float):
    """Stands for a numpy scalar, such as a learning rate; no parameter is one, so its value is dropped."""

    def __new__(cls, *_):
        return super().__new__(cls, 0.0)


def _encode(text: str, encoding: str = "latin1") -> bytes:
    if encoding != "latin1":
        raise _RefusedError(f"it holds bytes encoded as {encoding!r}")
    return text.encode("latin1")


# What a pickled array names -> what stands for it here.
ALLOWED = {
    ("multiarray", "_reconstruct"): _Array,
    ("multiarray", "scalar"): _Scalar,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
}


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str):
        # numpy 2 renamed the module.
        if module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            module = "multiarray"
        if (module, name) not in ALLOWED:
            raise _RefusedError(f"it asks for {module}.{name}, which no array needs; the file is not trusted")
        return ALLOWED[module, name]

    def persistent_load(self, _pid):
        raise _RefusedError("it refers to objects outside the file")
