"""Arrays from a Caffe2 pickle, {"blobs": {name: array}}, under torchvision's names."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor

from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.pickled_arrays import read_pickled_arrays
from extract.weights.error import WeightsError

BLOCK = re.compile(r"res([2-5])_(\d+)_branch(1|2[abc])_(w|bn_(?:s|b|rm|riv))")
NORM = {"bn_s": "weight", "bn_b": "bias", "bn_rm": "running_mean", "bn_riv": "running_var"}


def read_blobs(path: Path) -> dict[str, Tensor]:
    """Name -> tensor of every blob. Raises WeightsError for a pickle that holds or asks for anything else."""
    try:
        arrays = read_pickled_arrays(path, "blobs")
    except ForeignFileError as error:
        raise WeightsError(str(error)) from None
    return {name: torch.from_numpy(each) for name, each in arrays.items()}


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
