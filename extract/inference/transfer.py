"""Frames from a decoder's shared memory to the device, and rows back, without making either side wait."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

BUFFERS = 3  # one being filled, one on its way, one waiting


class Uploader:
    """uint8 frames to a device. What comes back never lies in the given memory, except on a CPU."""

    def __init__(self, device: torch.device):
        self.device = device
        self._ring = _PinnedRing(device) if device.type == "cuda" else None

    def __call__(self, frames: np.ndarray) -> Tensor:
        frames = torch.from_numpy(frames)
        return frames.to(self.device) if self._ring is None else self._ring.copy(frames)


class _PinnedRing:
    """Page-locked buffers in turn, copied to the GPU on a stream of their own while it computes."""

    def __init__(self, device: torch.device):
        self.device, self.stream = device, torch.cuda.Stream(device)
        self._buffers: list[Tensor | None] = [None] * BUFFERS
        self._sent: list[torch.cuda.Event | None] = [None] * BUFFERS
        self._next = 0

    def copy(self, frames: Tensor) -> Tensor:
        """Returns at once; work on the current stream waits for the copy by itself."""
        number, self._next = self._next, (self._next + 1) % BUFFERS
        if self._sent[number] is not None:
            self._sent[number].synchronize()  # the buffer is free when its last copy is done
        if self._buffers[number] is None or self._buffers[number].numel() < frames.numel():
            self._buffers[number] = torch.empty(frames.numel(), dtype=frames.dtype, pin_memory=True)
        held = self._buffers[number][: frames.numel()].view(frames.shape)
        held.copy_(frames)
        current = torch.cuda.current_stream(self.device)
        with torch.cuda.stream(self.stream):
            arrived = held.to(self.device, non_blocking=True)
            self._sent[number] = torch.cuda.Event()
            self._sent[number].record(self.stream)
        current.wait_event(self._sent[number])
        arrived.record_stream(
            current
        )  # its memory must not go to another tensor while the current stream reads it
        return arrived


@dataclass
class Answer:
    """Rows [B, D] of one batch, perhaps still being computed."""

    held: Tensor
    done: torch.cuda.Event | None = None

    @classmethod
    def of(cls, rows: Tensor) -> Answer:
        """Rows on their device -> float32 rows on their way to the CPU."""
        if rows.device.type != "cuda":
            return cls(rows.float())
        held = torch.empty(rows.shape, dtype=torch.float32, pin_memory=True)
        held.copy_(rows.float(), non_blocking=True)
        done = torch.cuda.Event()
        done.record()
        return cls(held, done)

    def rows(self) -> Tensor:
        """float32 [B, D] on the CPU; waits until they are there."""
        if self.done is not None:
            self.done.synchronize()
        return self.held
