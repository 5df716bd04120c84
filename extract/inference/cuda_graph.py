"""One forward pass of fixed shape as a CUDA graph: one call starts all its kernels, if that pays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

WARM_UP = 3
ROUNDS = 5
# Below this speed-up plain calls are used, because a graph holds extra memory.
MIN_SPEEDUP = 1.02


@dataclass(frozen=True)
class _Captured:
    """A graph with the tensors that it reads and writes."""

    graph: torch.cuda.CUDAGraph
    input: Tensor
    output: Tensor

    def __call__(self, batch: Tensor) -> Tensor:
        self.input.copy_(batch)
        self.graph.replay()
        return self.output.clone()


class GraphRunner:
    """Calls a function of one tensor of a fixed shape on a GPU. note: what was decided, one line."""

    def __init__(self, function: Callable[[Tensor], Tensor], example: Tensor):
        self.function: Callable[[Tensor], Tensor] = function
        try:
            captured = _capture(function, example)
            # another batch than the captured one: the graph must hold none of its values
            other = example.flip(0) / 2
            if not torch.allclose(captured(other).float(), function(other).float(), rtol=1e-2, atol=1e-2):
                self.note = "no CUDA graph: its replay differs from plain calls"
                return
            plain, replayed = _seconds(lambda: function(example)), _seconds(captured.graph.replay)
        except RuntimeError as error:  # a kernel that cannot be captured, or too little memory
            self.note = f"no CUDA graph: {str(error).splitlines()[0]}"
            return
        self.note = f"CUDA graph {1000 * replayed:.2f} ms per batch, plain calls {1000 * plain:.2f} ms"
        if plain < MIN_SPEEDUP * replayed:
            self.note += "; plain calls taken"
        else:
            self.function = captured

    def __call__(self, batch: Tensor) -> Tensor:
        return self.function(batch)


def _capture(function: Callable[[Tensor], Tensor], example: Tensor) -> _Captured:
    input_ = example.clone()  # keeps the memory layout
    side = torch.cuda.Stream(example.device)
    side.wait_stream(torch.cuda.current_stream(example.device))
    with torch.cuda.stream(side):  # libraries set themselves up outside the capture
        for _ in range(WARM_UP):
            function(input_)
    torch.cuda.current_stream(example.device).wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = function(input_)
    return _Captured(graph, input_, output)


def _seconds(work: Callable[[], object]) -> float:
    """The shortest time of a call over some rounds."""
    times = []
    for _ in range(ROUNDS):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        work()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) / 1000)
    return min(times)
