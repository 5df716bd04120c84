"""A convolution and what follows it in one pass of oneDNN, torch's library for convolutions on CPUs.

With plain layers, torch spends a third of a network's time outside the products: a convolution over one frame
or one pixel takes a slow path, an activation is a separate pass over memory, and weights are reordered in
every call. The private calls here are those that torch's own compiler uses; if they are missing, or on a GPU,
plain layers are called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ACTIVATIONS = {
    "none": lambda y: y,
    "relu": F.relu_,
    "relu6": lambda y: F.relu6(y, inplace=True),
    "swish": lambda y: F.silu(y, inplace=True),
}
# Activation -> its name and numbers in oneDNN, where they are not ours.
OF_ONEDNN = {"relu6": ("hardtanh", [0.0, 6.0])}
CALLS = ("_convolution_pointwise", "_convolution_pointwise_", "_reorder_convolution_weight")


def available(dtype: torch.dtype = torch.float32) -> bool:
    """Whether this torch has the calls and this CPU the arithmetic."""
    if not torch.backends.mkldnn.is_available() or not all(hasattr(torch.ops.mkldnn, name) for name in CALLS):
        return False
    return dtype == torch.float32 or dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported()


def can_be_fused(conv: nn.Module) -> bool:
    """Whether a layer is a convolution that FusedConv computes."""
    if type(conv) is not nn.Conv2d and type(conv) is not nn.Conv3d:
        return False
    return conv.padding_mode == "zeros" and not isinstance(conv.padding, str)


def uneven_padding(pads: Sequence[tuple[int, int]]) -> list[int]:
    """What F.pad has to add if an axis gets more zeros after than before.

    Convolutions take one number for both sides.
    """
    return [side for before, after in reversed(pads) for side in (0, after - before)]


class FusedConv(nn.Module):
    """A convolution (channels-last out), then an activation: a key of ACTIVATIONS."""

    weight: Tensor
    bias: Tensor | None

    def __init__(self, conv: nn.Conv2d | nn.Conv3d, activation: str = "none"):
        super().__init__()
        self.weight, self.bias, self.activation = conv.weight, conv.bias, activation
        self.kernel_size, self.stride = conv.kernel_size, list(conv.stride)
        self.padding = [int(each) for each in conv.padding]
        self.dilation, self.groups, self.out_channels = list(conv.dilation), conv.groups, conv.out_channels
        self.is_2d = isinstance(conv, nn.Conv2d)
        self.layout = torch.channels_last if self.is_2d else torch.channels_last_3d
        # (shape of an input, dtype, padding, zeros), most inputs at once, and the weight that is fastest then
        self._reordered: tuple = (None, 0, None)
        self._settled: torch.dtype | None = None

    def forward(self, x: Tensor, *, pads: Sequence[tuple[int, int]] | None = None) -> Tensor:
        """pads: zeros before and after each axis instead of the convolution's own; after at least as many."""
        padding, wider = self.padding, ()
        if pads is not None:
            padding = [before for before, _ in pads]
            if any(extra := uneven_padding(pads)):
                if self.is_2d and self.fuses(x):
                    # a kernel that begins with zeros and even padding: the same sums without a copy of x
                    padding, wider = [after for _, after in pads], tuple(extra[1::2])
                else:
                    # over the axes as they lie in memory, so that padding keeps the layout
                    x = F.pad(x.movedim(1, -1), [0, 0, *extra]).movedim(-1, 1)
        if not self.fuses(x):
            return ACTIVATIONS[self.activation](self._convolve(x, padding))
        x = x.contiguous(memory_format=self.layout)
        geometry = (padding, self.stride, self.dilation, self.groups)
        weight = self._weight(x, padding, wider)
        activation, numbers = OF_ONEDNN.get(self.activation, (self.activation, []))
        return torch.ops.mkldnn._convolution_pointwise(
            x, weight, self.bias, *geometry, activation, numbers, ""
        )

    def add(self, x: Tensor, other: Tensor) -> Tensor:
        """convolution + other, written over other if possible."""
        if not self.fuses(x):
            return other.add_(self._convolve(x, self.padding))
        return self._fused_sum(x, other, None)

    def add_relu(self, x: Tensor, other: Tensor) -> Tensor:
        """relu(convolution + other), written over other if possible."""
        if not self.fuses(x):
            return other.add_(self._convolve(x, self.padding)).relu_()
        return self._fused_sum(x, other, "relu")

    def _fused_sum(self, x: Tensor, other: Tensor, activation: str | None) -> Tensor:
        x, other = x.contiguous(memory_format=self.layout), other.contiguous(memory_format=self.layout)
        geometry = (self.padding, self.stride, self.dilation, self.groups)
        weight = self._weight(x, self.padding)
        return torch.ops.mkldnn._convolution_pointwise_(
            other, x, weight, self.bias, *geometry, "add", 1.0, activation, [], ""
        )

    def fuses(self, x: Tensor) -> bool:
        """Whether x is computed in one pass, or by layers."""
        dtype = self._settled if self.weight is None else self.weight.dtype
        return x.device.type == "cpu" and x.dtype == dtype and available(x.dtype)

    def lay_out(self) -> None:
        """Store the weight channels-last, as layers take it; to be called on its final device."""
        self.weight.data = self.weight.data.contiguous(memory_format=self.layout)

    def only_for(self, x: Tensor) -> FusedConv:
        """Returns itself, settled for inputs like x."""
        self._weight(x, self.padding)
        self.settle()
        return self

    def settle(self) -> None:
        """Stay with the inputs so far, or fewer at once: without the original weight, half of the memory."""
        if self.weight is not None and self._reordered[-1] is not None:
            self.let_go()

    def let_go(self) -> None:
        """Drop the original weight."""
        self._settled = self.weight.dtype
        self.weight = None  # pyright: ignore[reportAttributeAccessIssue]  (how modules drop a parameter)

    def _convolve(self, x: Tensor, padding: list[int]) -> Tensor:
        convolve: Callable[..., Tensor] = F.conv2d if self.is_2d else F.conv3d
        return convolve(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def _weight(self, x: Tensor, padding: list[int], wider: tuple[int, ...] = ()) -> Tensor:
        """wider: zeros before the kernel along each axis, the last axis first."""
        key = (tuple(x.shape[1:]), x.dtype, tuple(padding), wider)
        # with fewer inputs the same weight serves, so that batches of several sizes can take turns
        if self._reordered[0] != key or len(x) > self._reordered[1]:
            if self.weight is None:
                raise ValueError(
                    f"inputs of shape {list(x.shape)} for a convolution that has settled for others"
                )
            kernel = F.pad(self.weight, [side for zeros in wider for side in (zeros, 0)])
            geometry = (padding, self.stride, self.dilation, self.groups)
            weight = torch.ops.mkldnn._reorder_convolution_weight(kernel, *geometry, list(x.shape))
            self._reordered = key, len(x), weight
        return self._reordered[-1]
