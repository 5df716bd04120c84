"""A prepared network on its device: batches of one fixed shape in, rows out, its arithmetic checked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from extract.backbones.backbone import Backbone
from extract.inference.cuda_graph import GraphRunner
from extract.inference.fast.prepare import prepare
from extract.inference.short_batches import ShortBatches
from extract.inference.transfer import Answer
from extract.runtime.allocator import large_blocks_apart

PRECISIONS = ("fp32", "tf32", "bf16")
# Least cosine of the first clips' rows to fp32; below it, reduced precision changes what a head sees.
MIN_COSINE = 0.999


class PrecisionError(ValueError):
    """The chosen arithmetic does not agree with fp32."""


class Network:
    """Runs a backbone on batches of `batch_size` clips, the last one filled up with zeros or shorter.

    A row must not depend on what else is extracted. On a GPU one shape for all batches ensures that. On a CPU
    it does not: libraries compute blocks of a batch's rows together, so a row's last bits follow its place in
    the batch (measured with EfficientNet-B0). There mixes_videos is False: a batch then holds clips of one
    video, in order. A batch is shorter only where ShortBatches has found no difference.

    fast: see extract.inference.fast.prepare. cosine: the least of the first batch's rows to fp32, None before
    it. note: how batches are started, if there was a choice.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        device: torch.device,
        batch_size: int,
        precision: str = "fp32",
        fast: bool | None = None,
    ):
        if precision not in PRECISIONS:
            raise ValueError(f"precision is {precision!r}, expected {', '.join(PRECISIONS)}")
        if precision == "tf32" and device.type != "cuda":
            raise ValueError("precision tf32 exists on GPUs only; use fp32 or bf16 on a CPU")
        self.device, self.batch_size, self.precision = device, batch_size, precision
        with self._apart():
            self.net = prepare(backbone, device=device, precision=precision, fast=fast)
        self._began = False
        self._run: Callable[[Tensor], Tensor] = self.net
        self.note = ""
        # for the comparison with fp32, until the first batch
        self._backbone: Backbone | None = None if precision == "fp32" else backbone
        self.mixes_videos = device.type != "cpu"
        self.cosine: float | None = None
        self._short = ShortBatches()

    def rows(self, clips: list[Tensor]) -> Tensor:
        """At most batch_size scaled clips [channels, L, H, W] -> float32 [n, D] on the CPU."""
        batch = torch.stack(clips)  # [n, channels, L, H, W]
        if len(clips) < self.batch_size:
            batch = torch.cat([batch, batch.new_zeros(self.batch_size - len(clips), *batch.shape[1:])])
        return self.start(batch).rows()[: len(clips)]

    @torch.inference_mode()
    def start(self, batch: Tensor) -> Answer:
        """Scaled clips [size, channels, L, H, W] -> their rows, on a GPU before they are computed.

        size: batch_size, or what size_of_batch gave. Checks the precision on the first batch, and there
        decides how batches are started.
        """
        if len(batch) != self.batch_size and not self._short.allow(len(batch), self.batch_size):
            raise ValueError(f"a batch of {len(batch)} clips, expected {self.batch_size}")
        with _tf32(self.precision == "tf32"):
            rows = self._computed(self._run, batch)
            if self.cosine is None:
                with self._apart():
                    self._check(rows, batch)
                    self.net.settle()
                if self.device.type == "cuda":
                    runner = GraphRunner(self.net, batch)
                    self._run, self.note = runner, runner.note
        return Answer.of(rows)

    def size_of_batch(self, count: int, shape: torch.Size) -> int:
        """How many clips a batch must have that holds `count` of [channels, L, S, S]; see ShortBatches."""
        if self.device.type != "cpu":
            return self.batch_size
        return self._short.size(count, self.batch_size, shape, forward=self.forward)

    @torch.inference_mode()
    def forward(self, batch: Tensor) -> Tensor:
        """Scaled clips of any number -> rows on the device, unchecked: for timing."""
        with _tf32(self.precision == "tf32"):
            return self._computed(self.net, batch)

    def begin_again(self) -> None:
        """After a trial: return its memory, so that the next batch lays out its own as the first one does."""
        self._began = False
        with self._apart():
            pass

    def _computed(self, run: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
        if self._began:
            return run(batch)
        self._began = True
        with self._apart():
            return run(batch)

    def _apart(self) -> contextlib.AbstractContextManager[None]:
        """For what is done once: a CPU has the networks and their tensors in the same memory."""
        return large_blocks_apart() if self.device.type == "cpu" else contextlib.nullcontext()

    def _check(self, rows: Tensor, batch: Tensor) -> None:
        backbone, self._backbone = self._backbone, None
        if backbone is None:
            self.cosine = 1.0
            return
        with _tf32(False):
            exact = prepare(backbone, device=self.device, fast=self.net.fast)(batch)
        # Not of the zeros that fill a batch up, of which EfficientNet-Lite0 has a cosine of 0.3; and a row of
        # zeros has no direction.
        is_clip = torch.stack([clip.any() for clip in batch])
        chosen = is_clip & (exact.any(dim=1) | rows.any(dim=1))
        cosines = torch.nn.functional.cosine_similarity(rows[chosen].double(), exact[chosen].double(), dim=1)
        self.cosine = cosines.min().item() if len(cosines) else 1.0
        if not self.cosine >= MIN_COSINE:
            raise PrecisionError(
                f"precision {self.precision} gives features of cosine {self.cosine:.5f} to fp32 on the first "
                f"clips, expected at least {MIN_COSINE}; run with --precision fp32"
            )


@contextlib.contextmanager
def _tf32(allowed: bool) -> Iterator[None]:
    """Sets the switches of the process for one forward pass and restores them afterwards."""
    switches: tuple[Any, ...] = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [switch.allow_tf32 for switch in switches]
    try:
        for switch in switches:
            switch.allow_tf32 = allowed
        yield
    finally:
        for switch, value in zip(switches, before, strict=True):
            switch.allow_tf32 = value
