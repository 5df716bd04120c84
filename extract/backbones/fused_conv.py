"""A convolution with all that follows it in one pass of oneDNN, torch's library for convolutions on CPUs.

Called as layers, torch goes ways there that cost a third of a network's time: a convolution over one frame
or one pixel takes a slow path, an activation is a pass of its own over memory, and weights are laid out anew
in every call. The calls used here are those of torch's own compiler; where they are missing, and on a GPU,
layers are called.
"""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ACTIVATIONS = {nn.ReLU: "relu", nn.SiLU: "swish"}
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

    def forward(self, x: Tensor, *, padding: list[int] | None = None) -> Tensor:
        """padding: zeros before and after each axis, instead of the convolution's own."""
        padding = self.padding if padding is None else padding
        if not self._fuses(x):
            return ACTS[self.activation](self._convolve(x, padding))
        x = x.contiguous(memory_format=self.layout)
        return torch.ops.mkldnn._convolution_pointwise(
            x, self._weight(x, padding), self.bias, padding, self.stride, self.dilation, self.groups,
            self.activation, [], "",
        )

    def add_relu(self, x: Tensor, other: Tensor) -> Tensor:
        """relu(convolution + other), written over other where that is possible."""
        if not self._fuses(x):
            return other.add_(self._convolve(x, self.padding)).relu_()
        x, other = x.contiguous(memory_format=self.layout), other.contiguous(memory_format=self.layout)
        return torch.ops.mkldnn._convolution_pointwise_(
            other, x, self._weight(x, self.padding), self.bias, self.padding, self.stride, self.dilation,
            self.groups, "add", 1.0, "relu", [], "",
        )

    def _fuses(self, x: Tensor) -> bool:
        return x.device.type == "cpu" and x.dtype == self.weight.dtype and available(x.dtype)

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


def fuse_convolutions(net: nn.Module) -> None:
    """Every convolution left in a network, with the activation right after it in the same module."""
    for parent in list(net.modules()):
        children = [pair for pair in parent.named_children() if type(pair[1]) is not nn.Identity]
        for (name, conv), (next_name, after) in zip(children, [*children[1:], ("", None)]):
            if can_be_fused(conv):
                setattr(parent, name, FusedConv(conv, ACTIVATIONS.get(type(after), "none")))
                if type(after) in ACTIVATIONS:
                    setattr(parent, next_name, nn.Identity())
