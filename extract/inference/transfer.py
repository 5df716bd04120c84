"""Moves frames from shared memory to the device, and rows back, without making either side wait."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

BUFFERS = 3  # one is filled, one is under way, one waits


class Uploader:
    """uint8 frames to a device. The result never lies in the given memory, except on a CPU."""

    def __init__(self, device: torch.device):
        self.device = device
        self._ring = _PinnedRing(device) if device.type == "cuda" else None

    def __call__(self, frames: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(frames)
        return tensor.to(self.device) if self._ring is None else self._ring.copy(tensor)


@dataclass
class _PinnedBuffer:
    """Page-locked memory, and when its last copy has arrived."""

    memory: Tensor
    sent: torch.cuda.Event


class _PinnedRing:
    """Buffers in turn, copied to the GPU on a separate stream while it computes."""

    def __init__(self, device: torch.device):
        self.device, self.stream = device, torch.cuda.Stream(device)
        self._buffers: list[_PinnedBuffer | None] = [None] * BUFFERS
        self._next = 0

    def copy(self, frames: Tensor) -> Tensor:
        """Returns at once; work on the current stream waits for the copy by itself."""
        buffer = self._free_buffer(frames)
        held = buffer.memory[: frames.numel()].view(frames.shape)
        held.copy_(frames)
        current = torch.cuda.current_stream(self.device)
        with torch.cuda.stream(self.stream):
            arrived = held.to(self.device, non_blocking=True)
            buffer.sent = torch.cuda.Event()
            buffer.sent.record(self.stream)
        current.wait_event(buffer.sent)
        # its memory must not go to another tensor while the current stream reads it
        arrived.record_stream(current)
        return arrived

    def _free_buffer(self, frames: Tensor) -> _PinnedBuffer:
        """The next buffer, large enough, once its last copy has arrived."""
        number, self._next = self._next, (self._next + 1) % BUFFERS
        buffer = self._buffers[number]
        if buffer is not None:
            buffer.sent.synchronize()
        if buffer is None or buffer.memory.numel() < frames.numel():
            memory = torch.empty(frames.numel(), dtype=frames.dtype, pin_memory=True)
            buffer = self._buffers[number] = _PinnedBuffer(memory, torch.cuda.Event())
        return buffer


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
        """float32 [B, D] on the CPU; waits until they have arrived."""
        if self.done is not None:
            self.done.synchronize()
        return self.held
