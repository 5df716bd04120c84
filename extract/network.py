"""A prepared network on its device: batches of one fixed shape in, rows out, with a check of its arithmetic."""
from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor

from extract.backbones.base import Backbone

PRECISIONS = ("fp32", "tf32", "bf16")
LEAST_COSINE = 0.999  # below it the reduced precision changes what a head sees


class PrecisionError(ValueError):
    """The chosen arithmetic does not agree with fp32."""


class Network:
    """Runs a backbone on batches of exactly `batch_size` clips, the last one padded.

    One shape for all batches makes a row independent of its neighbours: the same row in batches of 4 and of 1
    differs in the last bits, the same row at another place of one shape does not.
    """

    def __init__(self, backbone: Backbone, *, device: torch.device, batch_size: int, precision: str = "fp32"):
        if precision not in PRECISIONS:
            raise ValueError(f"precision is {precision!r}, expected {', '.join(PRECISIONS)}")
        if precision == "tf32" and device.type != "cuda":
            raise ValueError("precision tf32 exists on GPUs only; take fp32 or bf16 on a CPU")
        self.backbone = backbone.to(device).eval().requires_grad_(False)
        self.device, self.batch_size, self.precision = device, batch_size, precision
        self.cosine: float | None = None  # of the first clip against fp32, once one was seen

    @torch.inference_mode()
    def rows(self, clips: list[Tensor]) -> Tensor:
        """At most batch_size clips [channels, L, H, W] -> float32 [n, D] on the CPU. Checks the precision once."""
        batch = torch.stack(clips)  # [n, channels, L, H, W]
        if len(clips) < self.batch_size:
            batch = torch.cat([batch, batch.new_zeros(self.batch_size - len(clips), *batch.shape[1:])])
        rows = self._forward(batch, self.precision)
        if self.cosine is None:
            self._check(rows[0], batch)
        return rows[: len(clips)].float().cpu()

    def _forward(self, batch: Tensor, precision: str) -> Tensor:
        with _arithmetic(precision, self.device):
            return self.backbone(batch)

    def _check(self, row: Tensor, batch: Tensor) -> None:
        if self.precision == "fp32":
            self.cosine = 1.0
            return
        exact = self._forward(batch, "fp32")[0]
        self.cosine = torch.nn.functional.cosine_similarity(row.double(), exact.double(), dim=0).item()
        if not self.cosine >= LEAST_COSINE:
            raise PrecisionError(
                f"precision {self.precision} gives features of cosine {self.cosine:.5f} to fp32 on the first clip, "
                f"expected at least {LEAST_COSINE}; run with --precision fp32"
            )


@contextlib.contextmanager
def _arithmetic(precision: str, device: torch.device) -> Iterator[None]:
    """Sets the global switches for the time of one forward pass and puts them back."""
    switches = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [switch.allow_tf32 for switch in switches]
    try:
        for switch in switches:
            switch.allow_tf32 = precision == "tf32"
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
            yield
    finally:
        for switch, value in zip(switches, before, strict=True):
            switch.allow_tf32 = value


def choose_device(name: str) -> torch.device:
    """`auto` is the GPU where there is one. Raises ValueError for a device that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"unknown device {name!r}; expected auto, cpu, cuda or cuda:N") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device {name}: this machine has no usable GPU; take --device cpu or auto")
    return device
