"""torchvision's RAFT (Teed & Deng, ECCV 2020, https://arxiv.org/abs/2003.12039) for frames of any size."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import optical_flow

from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.tensor_files import read_tensors

RAFTS = {"large": optical_flow.raft_large, "small": optical_flow.raft_small}
MIN_SIDE = 128  # below it the coarsest correlation volume is empty
MULTIPLE = 8  # sides are padded to a multiple, because features have an eighth of the resolution


def build_raft(weights: Path | str, *, size: str = "large") -> nn.Module:
    """RAFT in eval mode with the weights of a file, or with meaningless random ones for "none".

    Raises ValueError for an unknown size and for a file that does not match the network.
    """
    if size not in RAFTS:
        raise ValueError(f"unknown RAFT {size!r}; known sizes: {', '.join(RAFTS)}")
    network = RAFTS[size](weights=None, progress=False)
    if str(weights) != "none":
        network.load_state_dict(_read(Path(weights), network.state_dict(), size))
    return network.eval().requires_grad_(False)


def _read(path: Path, expected: dict[str, Tensor], size: str) -> dict[str, Tensor]:
    state = read_tensors(path, kind=f"torchvision's raft_{size}")
    names = set(state) if isinstance(state, dict) else set()
    if names != set(expected):
        missing, unknown = len(set(expected) - names), len(names - set(expected))
        raise ForeignFileError(
            path,
            f"does not match raft_{size}: {missing} of {len(expected)} tensors are missing, "
            f"{unknown} are unknown",
        )
    for name, each in expected.items():
        if not isinstance(state[name], Tensor) or state[name].shape != each.shape:
            raise ForeignFileError(path, f"does not match raft_{size}: {name} has another shape")
    return state


@torch.inference_mode()
def raft(network: nn.Module, first: Tensor, second: Tensor) -> Tensor:
    """RGB uint8 [B, 3, H, W], twice, on the network's device -> flow float32 [B, 2, H, W] in pixels.

    Frames are padded by repeating the border, half on each side, to multiples of 8 and at least 128.
    Raises ValueError for other shapes and dtypes.
    """
    if first.shape != second.shape or first.ndim != 4 or first.shape[1] != 3 or first.dtype != torch.uint8:
        shapes = f"{first.dtype} {tuple(first.shape)} and {tuple(second.shape)}"
        raise ValueError(f"frames are {shapes}, expected two of the same shape, uint8 [B, 3, H, W]")
    height, width = first.shape[-2:]
    extra_x, extra_y = (max(MIN_SIDE, -(-side // MULTIPLE) * MULTIPLE) - side for side in (width, height))
    left, top = extra_x // 2, extra_y // 2
    sides = (left, extra_x - left, top, extra_y - top)
    # The range that the published weights were trained on.
    scaled = [functional.pad(2 * each.float() / 255 - 1, sides, mode="replicate") for each in (first, second)]
    flow = network(*scaled)[-1]  # the last refinement
    return flow[..., top : top + height, left : left + width].contiguous()
