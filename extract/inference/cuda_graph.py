"""One forward pass of fixed shape as a CUDA graph: all its kernels started by one call, where that pays."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

WARM_UP = 3
ROUNDS = 5
LEAST_GAIN = 1.02  # below it the plain calls stay: a graph holds memory of its own


class GraphRunner:
    """Calls a function of one tensor of a fixed shape on a GPU. note: what was decided, one line."""

    def __init__(self, function: Callable[[Tensor], Tensor], example: Tensor):
        self.function, self.graph = function, None
        self._input = self._output = None
        try:
            self._capture(example)
            if not self._repeats(example.flip(0) / 2):
                self._drop()
                self.note = "no CUDA graph: what it replays is not what plain calls give"
                return
            plain, replayed = self._seconds(lambda: function(example)), self._seconds(self.graph.replay)
        except RuntimeError as error:  # a kernel that cannot be captured, or too little memory
            self._drop()
            self.note = f"no CUDA graph: {str(error).splitlines()[0]}"
            return
        self.note = f"CUDA graph {1000 * replayed:.2f} ms a batch, plain calls {1000 * plain:.2f} ms"
        if plain < LEAST_GAIN * replayed:
            self._drop()
            self.note += "; plain calls taken"

    def __call__(self, batch: Tensor) -> Tensor:
        if self.graph is None:
            return self.function(batch)
        self._input.copy_(batch)
        self.graph.replay()
        return self._output.clone()

    def _capture(self, example: Tensor) -> None:
        self._input = example.clone()  # keeps the memory layout
        side = torch.cuda.Stream(example.device)
        side.wait_stream(torch.cuda.current_stream(example.device))
        with torch.cuda.stream(side):  # libraries set themselves up outside the capture
            for _ in range(WARM_UP):
                self.function(self._input)
        torch.cuda.current_stream(example.device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._output = self.function(self._input)
        self.graph = graph

    def _repeats(self, other: Tensor) -> bool:
        """Whether a batch that was not captured comes out as by plain calls: the graph holds no value of the first."""
        return torch.allclose(self(other).float(), self.function(other).float(), rtol=1e-2, atol=1e-2)

    def _drop(self) -> None:
        self.graph = self._input = self._output = None

    @staticmethod
    def _seconds(work: Callable[[], object]) -> float:
        """Least time of a call over some rounds."""
        times = []
        for _ in range(ROUNDS):
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            work()
            end.record()
            end.synchronize()
            times.append(begin.elapsed_time(end) / 1000)
        return min(times)
