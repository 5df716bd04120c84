"""Arrays from a Caffe2 pickle ({"blobs": {name: array}}) without running what a pickle may ask for.

A pickle is a program. This reader knows the callables that numpy's arrays need, each replaced by one of its
own that only collects numbers; anything else that a file names is refused before it is imported.
"""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from extract.weights.error import WeightsError

BLOCK = re.compile(r"res([2-5])_(\d+)_branch(1|2[abc])_(w|bn_(?:s|b|rm|riv))")
NORM = {"bn_s": "weight", "bn_b": "bias", "bn_rm": "running_mean", "bn_riv": "running_var"}


def read_blobs(path: Path) -> dict[str, Tensor]:
    """Name -> tensor of every blob. Raises WeightsError for a pickle that holds or asks for anything else."""
    try:
        with open(path, "rb") as file:
            # Python 2 wrote bytes as text; latin1 maps them back one to one.
            content = _ArraysOnly(file, encoding="latin1").load()
        blobs = content.get("blobs") if isinstance(content, dict) else None
        if not isinstance(blobs, dict):
            raise ValueError("it lacks the 'blobs' of a Caffe2 network")
        return {
            name: torch.from_numpy(each.numbers())
            for name, each in blobs.items()
            if isinstance(name, str) and isinstance(each, _Array)
        }
    except OSError:
        raise
    except Exception as error:  # a damaged pickle can raise anything
        raise WeightsError(f"{path} cannot be read as a pickle of arrays: {error}") from None


def resnet_names(blobs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Caffe2's names of a ResNet -> torchvision's, without the solver's momenta, rates and counters."""
    return {
        _resnet_name(name): each
        for name, each in blobs.items()
        if "momentum" not in name and each.numel() > 1
    }


def _resnet_name(name: str) -> str:
    if match := BLOCK.fullmatch(name):
        stage, block, branch, part = match.groups()
        place = f"layer{int(stage) - 1}.{block}."
        if branch == "1":
            return place + ("downsample.0.weight" if part == "w" else f"downsample.1.{NORM[part]}")
        number = "abc".index(branch[1]) + 1
        return place + (f"conv{number}.weight" if part == "w" else f"bn{number}.{NORM[part]}")
    if name.startswith("res_conv1_") and (part := name.removeprefix("res_conv1_")) in NORM:
        return f"bn1.{NORM[part]}"
    return {"conv1_w": "conv1.weight", "pred_w": "fc.weight", "pred_b": "fc.bias"}.get(name, name)


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
        raise pickle.UnpicklingError(f"bytes encoded as {encoding!r}")
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
            raise pickle.UnpicklingError(
                f"it asks for {module}.{name}, which no array needs; the file is not trusted"
            )
        return ALLOWED[module, name]

    def persistent_load(self, _pid):
        raise pickle.UnpicklingError("it refers to objects outside the file")
