"""A convolution with all that follows it in one pass of oneDNN, torch's library for convolutions on CPUs.

Called as layers, torch goes ways there that cost a third of a network's time: a convolution over one frame
or one pixel takes a slow path, an activation is a pass of its own over memory, and weights are laid out anew
in every call. The calls used here are those of torch's own compiler; where they are missing, and on a GPU,
layers are called.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ACTS = {"none": lambda y: y, "relu": F.relu_, "swish": lambda y: F.silu(y, inplace=True)}
CALLS = ("_convolution_pointwise", "_convolution_pointwise_", "_reorder_convolution_weight")


def available(dtype: torch.dtype = torch.float32) -> bool:
    """Whether this torch has the calls and this processor the arithmetic."""
    if not torch.backends.mkldnn.is_available() or not all(hasattr(torch.ops.mkldnn, name) for name in CALLS):
        return False
    return dtype == torch.float32 or dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported()


def can_be_fused(module: nn.Module) -> bool:
    """Whether a layer is a convolution that FusedConv computes."""
    plain = type(module) in (nn.Conv2d, nn.Conv3d) and module.padding_mode == "zeros"
    return plain and not isinstance(module.padding, str)


def spare_zeros(pads: Sequence[tuple[int, int]]) -> list[int]:
    """What F.pad has to add where more zeros come after an axis than before: convolutions take one number for both."""
    return [side for before, after in reversed(pads) for side in (0, after - before)]


class FusedConv(nn.Module):
    """A convolution (channels-last out), then an activation: "none", "relu" or "swish"."""

    def __init__(self, conv: nn.Conv2d | nn.Conv3d, activation: str = "none"):
        super().__init__()
        self.weight, self.bias, self.activation = conv.weight, conv.bias, activation
        self.kernel_size, self.stride, self.padding = conv.kernel_size, list(conv.stride), list(conv.padding)
        self.dilation, self.groups, self.out_channels = list(conv.dilation), conv.groups, conv.out_channels
        self.flat = isinstance(conv, nn.Conv2d)
        self.layout = torch.channels_last if self.flat else torch.channels_last_3d
        self._laid_out: tuple = (None, None)  # what for, and the weight in the order that is best there

    def forward(self, x: Tensor, *, pads: Sequence[tuple[int, int]] | None = None) -> Tensor:
        """pads: zeros before and after each axis, after at least as many, instead of the convolution's own."""
        padding = self.padding
        if pads is not None:
            padding = [before for before, _ in pads]
            if any(spare := spare_zeros(pads)):
                x = F.pad(x.movedim(1, -1), [0, 0, *spare]).movedim(-1, 1)  # so that padding keeps the layout
        if not self.fuses(x):
            return ACTS[self.activation](self._convolve(x, padding))
        x = x.contiguous(memory_format=self.layout)
        return torch.ops.mkldnn._convolution_pointwise(
            x,
            self._weight(x, padding),
            self.bias,
            padding,
            self.stride,
            self.dilation,
            self.groups,
            self.activation,
            [],
            "",
        )

    def add_relu(self, x: Tensor, other: Tensor) -> Tensor:
        """relu(convolution + other), written over other where that is possible."""
        if not self.fuses(x):
            return other.add_(self._convolve(x, self.padding)).relu_()
        x, other = x.contiguous(memory_format=self.layout), other.contiguous(memory_format=self.layout)
        return torch.ops.mkldnn._convolution_pointwise_(
            other,
            x,
            self._weight(x, self.padding),
            self.bias,
            self.padding,
            self.stride,
            self.dilation,
            self.groups,
            "add",
            1.0,
            "relu",
            [],
            "",
        )

    def fuses(self, x: Tensor) -> bool:
        """Whether x is computed in one pass, or by layers."""
        dtype = (self._laid_out[1] if self.weight is None else self.weight).dtype
        return x.device.type == "cpu" and x.dtype == dtype and available(x.dtype)

    def only_for(self, x: Tensor) -> FusedConv:
        """Itself, from now on for inputs like x alone: the weight as it was is given up, half of the memory."""
        self._weight(x, self.padding)
        self.weight = None
        return self

    def _convolve(self, x: Tensor, padding: list[int]) -> Tensor:
        convolve = F.conv2d if self.flat else F.conv3d
        return convolve(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def _weight(self, x: Tensor, padding: list[int]) -> Tensor:
        key = (tuple(x.shape), x.dtype, tuple(padding))
        if self._laid_out[0] != key:
            weight = torch.ops.mkldnn._reorder_convolution_weight(
                self.weight, padding, self.stride, self.dilation, self.groups, list(x.shape)
            )
            self._laid_out = key, weight
        return self._laid_out[1]
