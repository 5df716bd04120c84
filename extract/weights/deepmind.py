"""Whether a state of Inception-I3D holds DeepMind's numbers, by the checksums in their checkpoint.

A port only renames and transposes. Undone, each tensor's bytes must have the masked crc32c that TensorFlow
stored for it; `i3d_tensors.tsv` keeps names, shapes and checksums of the two ImageNet-started checkpoints of
deepmind/kinetics-i3d.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from torch import Tensor

from extract.weights.crc32c import crc32c, masked

PARTS = {
    "conv3d.weight": "conv_3d/w",
    "conv3d.bias": "conv_3d/b",
    "bn.bias": "batch_norm/beta",
    "bn.running_mean": "batch_norm/moving_mean",
    "bn.running_var": "batch_norm/moving_variance",
}
BRANCHES = {
    "b0": "Branch_0/Conv3d_0a_1x1",
    "b1a": "Branch_1/Conv3d_0a_1x1",
    "b1b": "Branch_1/Conv3d_0b_3x3",
    "b2a": "Branch_2/Conv3d_0a_1x1",
    "b2b": "Branch_2/Conv3d_0b_3x3",
    "b3b": "Branch_3/Conv3d_0b_1x1",
}


@dataclass(frozen=True)
class CheckpointTensor:
    """A tensor as TensorFlow stores it."""

    # Below the scope of the stream.
    name: str
    # [t, h, w, in, out] for a convolution.
    shape: tuple[int, ...]
    crc32c_masked: int


def checkpoint_tensors(stream: str) -> dict[str, CheckpointTensor]:
    """The tensors of DeepMind's checkpoint by name; stream is rgb or flow."""
    tensors = {}
    for line in files("extract.weights").joinpath("i3d_tensors.tsv").read_text().splitlines()[1:]:
        of, name, shape, checksum = line.split("\t")
        if of == stream:
            tensors[name] = CheckpointTensor(name, tuple(map(int, shape.split(","))), int(checksum))
    if not tensors:
        raise ValueError(f"stream is {stream!r}, expected rgb or flow")
    return tensors


def checkpoint_name(name: str) -> str | None:
    """Our name of a tensor -> TensorFlow's; None for those that their checkpoint lacks (gamma, counters)."""
    layer, _, rest = name.partition(".")
    branch, _, part = rest.partition(".") if layer.startswith("Mixed_") else ("", "", rest)
    if part not in PARTS:
        return None
    if layer == "logits":
        return f"Logits/Conv3d_0c_1x1/{PARTS[part]}"
    if not branch:
        return f"{layer}/{PARTS[part]}"
    place = BRANCHES[branch]
    if layer == "Mixed_5b" and branch == "b2b":
        place = "Branch_2/Conv3d_0a_3x3"  # named so by mistake in the published network
    return f"{layer}/{place}/{PARTS[part]}"


def checkpoint_array(tensor: Tensor) -> np.ndarray:
    """A tensor of ours in TensorFlow's layout: [out, in, t, h, w] -> [t, h, w, in, out]."""
    # The checksum is over bytes, so order and byte order matter.
    array = tensor.detach().cpu().numpy()
    return np.ascontiguousarray(array.transpose(2, 3, 4, 1, 0) if array.ndim == 5 else array, dtype="<f4")


def stream_of(state: dict[str, Tensor]) -> str | None:
    """rgb or flow by the channels of the first convolution; None for a state of another network."""
    first = state.get("Conv3d_1a_7x7.conv3d.weight")
    return None if first is None or first.ndim != 5 else {3: "rgb", 2: "flow"}.get(first.shape[1])


def differing_tensors(state: dict[str, Tensor], expected: dict[str, CheckpointTensor]) -> list[str]:
    """TensorFlow's names of the expected tensors that a state (our names) lacks or holds with other numbers.

    Gamma, which the checkpoint lacks, must be 1; others are listed by our name. Empty if all numbers are
    theirs.
    """
    ours = {checkpoint_name(name): each for name, each in state.items()}
    differing = [name for name, each in expected.items() if name not in ours or not _is(ours[name], each)]
    gammas = {name: each for name, each in state.items() if name.endswith(".bn.weight")}
    return differing + [name for name, each in gammas.items() if not bool((each == 1).all())]


def _is(tensor: Tensor, expected: CheckpointTensor) -> bool:
    array = checkpoint_array(tensor)
    return array.shape == expected.shape and masked(crc32c(array)) == expected.crc32c_masked
