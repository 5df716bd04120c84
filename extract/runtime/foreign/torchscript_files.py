"""The tensors of a TorchScript archive (torch.jit.save), such as OpenAI's files of CLIP, without its code.

data.pkl describes modules and where their tensors lie; the numbers are entries of their own. The pickle is
read in a sandbox by a reader that knows what tensors need and makes nothing else.
"""

from __future__ import annotations

import io
import math
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

from extract.runtime.foreign.arrays import check_expansion
from extract.runtime.foreign.foreign_error import ForeignFileError, one_line, reading
from extract.runtime.foreign.regular_file import open_regular
from extract.runtime.foreign.sandbox import in_sandbox

TORCHSCRIPT = "a TorchScript archive"
LARGEST_PICKLE = 1 << 26  # bytes of the description; CLIP's has 0.2 MB
DEEPEST = 100  # modules inside each other
# Names of storages -> torch's types.
STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}


def is_torchscript(path: Path | str) -> bool:
    """Whether a file is a ZIP archive with code beside its data. Raises ForeignFileError if it is no file."""
    with open_regular(path, expected="a file of weights") as file, reading(path, TORCHSCRIPT):
        if not zipfile.is_zipfile(file):
            return False
        with zipfile.ZipFile(file) as archive:
            return any(name.partition("/")[2] == "constants.pkl" for name in archive.namelist())


def read_torchscript(path: Path | str) -> dict[str, Any]:
    """Name -> tensor on the CPU, by the names of the module's state_dict. Raises ForeignFileError."""
    import torch

    described = in_sandbox(_described, path, kind=TORCHSCRIPT)
    tensors = {}
    with open_regular(path, expected=TORCHSCRIPT) as file, reading(path, TORCHSCRIPT):
        with zipfile.ZipFile(file) as archive:
            folder = _folder(archive)
            unpacked = sum(entry.file_size for entry in archive.infolist())
            check_expansion(path, "it", unpacked, os.fstat(file.fileno()).st_size)
            held: dict[str, Any] = {}  # storages that were read
            for name, (storage, kind, offset, shape, strides) in described.items():
                if storage not in held:
                    content = bytearray(archive.read(f"{folder}/data/{storage}"))
                    held[storage] = torch.frombuffer(content, dtype=getattr(torch, kind))
                flat = held[storage]
                last = offset + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
                if flat.dtype != getattr(torch, kind) or (math.prod(shape) and not 0 <= last < len(flat)):
                    raise ForeignFileError(path, f"{name!r:.80} lies outside its storage")
                tensors[name] = flat.as_strided(shape, strides, offset).clone()
    total = sum(each.numel() * each.element_size() for each in tensors.values())
    check_expansion(path, "it", total, os.stat(path).st_size)
    return tensors


def _folder(archive: zipfile.ZipFile) -> str:
    return next(name for name in archive.namelist() if name.endswith("/data.pkl")).rpartition("/")[0]


def _described(path: str) -> dict[str, list]:
    """Runs in the sandbox: name -> [storage, type, offset, shape, strides]."""
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo(f"{_folder(archive)}/data.pkl")
        if entry.file_size > LARGEST_PICKLE:
            raise ValueError(f"its description has {entry.file_size} bytes")
        content = archive.read(entry)
    try:
        root = _TensorsOnly(io.BytesIO(content)).load()
    except _RefusedError as error:
        raise ForeignFileError(path, f"cannot be read as {TORCHSCRIPT}: {one_line(error)}") from None
    found: dict[str, list] = {}
    _collect(root, "", found, depth=0)
    return found


def _collect(value: Any, name: str, found: dict[str, list], *, depth: int) -> None:
    if depth > DEEPEST:
        raise ValueError("its modules lie too deep inside each other")
    if isinstance(value, _Tensor):
        found[name] = value.place()
    elif isinstance(value, _Module):
        for each, held in value.state.items():
            _collect(held, f"{name}.{each}".lstrip("."), found, depth=depth + 1)


class _RefusedError(pickle.UnpicklingError):
    pass


class _Module:
    """Stands for any class of the archive: keeps the names and values of its state."""

    def __init__(self, *_):
        self.state: dict = {}

    def __setstate__(self, state):
        self.state = state if isinstance(state, dict) else {}


class _Tensor:
    """Stands for a tensor: where its numbers lie."""

    def __init__(self, storage, offset, shape, strides, *_):
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def place(self) -> list:
        key, kind = self.storage
        numbers = [self.offset, *self.shape, *self.strides]
        if len(self.shape) != len(self.strides) or not all(
            type(each) is int and each >= 0 for each in numbers
        ):
            raise ValueError("a tensor lies at no place")
        return [key, kind, self.offset, list(self.shape), list(self.strides)]


class _TensorsOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str):
        if module == "__torch__" or module.startswith("__torch__."):
            return _Module
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch.jit._pickle":  # lists of numbers and of tensors, which are no parameters
            return lambda *_: None
        raise _RefusedError(f"it asks for {module}.{name}, which no tensor needs; the file is not trusted")

    def persistent_load(self, pid):
        _, kind, key, *_ = pid
        if kind not in STORAGES.values() or not str(key).isdigit():
            raise _RefusedError("a tensor lies in no storage of the archive")
        return str(key), kind
