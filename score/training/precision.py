"""Training in less than float32."""

from __future__ import annotations

import torch
from torch import Tensor

from score.bags.bags import Bags
from score.heads.base import Head, HeadOutput


def forward_in(precision: str, head: Head, bags: Bags) -> HeadOutput:
    """The output of a head, in float32. precision: "bfloat16" runs its forward pass under autocast."""
    if precision == "float32":
        return head(bags)
    with torch.autocast(bags.mask.device.type, dtype=torch.bfloat16):
        output = head(bags)
    return HeadOutput(
        _float32(output.segment_score),
        _float32(output.video_score),
        {name: _float32(values) for name, values in output.aux.items()},
    )


def check_precision(precision: str, device: torch.device) -> None:
    """Raise ValueError for a GPU without bfloat16. Every CPU has it, though some emulate it slowly."""
    if precision == "bfloat16" and device.type == "cuda" and not torch.cuda.is_bf16_supported():
        name = torch.cuda.get_device_name(device)
        raise ValueError(f"train.precision is 'bfloat16', which {name} does not support; use 'float32'")


def _float32(values: Tensor) -> Tensor:
    return values.float() if values.is_floating_point() else values
