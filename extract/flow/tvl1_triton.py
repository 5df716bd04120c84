"""TV-L1 on the GPU: a queue of pairs, each at its own scale and iteration, so that none waits for another.

Pairs that are being computed occupy slots. A round starts scales, warps and median filters where they are
due, then iterates all slots a few times; a pair that converges within the round idles until its end. Then the
errors are read, finished pairs free their slots for the next ones in the queue, and kernels run only over
slots in use.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import triton
from torch import Tensor

from extract.flow import kernels_triton as kernels
from extract.flow.median_triton import median_5x5
from extract.flow.tvl1_reference import central_gradient, resize
from extract.flow.tvl1_settings import TVL1Settings

BLOCK = 1024  # pixels per program
ROUND = 6  # most iterations between two reads of the errors, each of which waits for the GPU
PIXELS_IN_WORK = 8_000_000  # enough to fill a large GPU; about 50 bytes each
PYRAMID_BYTES = 2 << 30  # memory for the pyramids of the pairs that are queued together


def tvl1_triton(
    first: Tensor,
    second: Tensor,
    settings: TVL1Settings,
    *,
    block: int = BLOCK,
    pixels_in_work: int = PIXELS_IN_WORK,
) -> Tensor:
    """Grey float32 [B, H, W] in 0..255, twice, on the GPU -> flow float32 [B, 2, H, W] in pixels: x, then y.

    block: pixels per program, a power of two. pixels_in_work: of all pairs in slots at one time.
    """
    height, width = first.shape[1:]
    queue = _Queue(height, width, settings, first.device, block=block, pixels_in_work=pixels_in_work)
    bytes_per_pair = 4 * 4 * queue.total  # four float32 planes
    together = max(1, PYRAMID_BYTES // bytes_per_pair)
    with torch.cuda.device(first.device) if first.is_cuda else nullcontext():
        batches = zip(first.split(together), second.split(together), strict=True)
        return torch.cat([queue.run(*pairs) for pairs in batches])


@dataclass
class _Slot:
    """How far the pair in a slot has come."""

    number: int
    pair: int
    level: int  # pyramid level, 0 is the finest
    warp: int = 0
    iteration: int = 0
    side: int = 0  # half of the slot's flow buffer that contains the flow


class _Queue:
    """The pairs of one call, all of the same size."""

    def __init__(
        self,
        height: int,
        width: int,
        settings: TVL1Settings,
        device: torch.device,
        *,
        block: int,
        pixels_in_work: int,
    ):
        self.settings, self.device, self.area = settings, device, height * width
        self.block, self.num_slots = block, max(1, pixels_in_work // self.area)
        self.shapes = settings.pyramid(height, width)
        areas = [h * w for h, w in self.shapes]
        self.offsets, self.total = [sum(areas[:level]) for level in range(len(areas))], sum(areas)
        self.tiles = triton.cdiv(self.area, block)
        inner = settings.inner_iterations
        # A divisor, so that median filters are always due at the start of a round.
        self.round = max(n for n in range(1, min(ROUND, inner) + 1) if inner % n == 0)

    def run(self, first: Tensor, second: Tensor) -> Tensor:
        """float32 [n, H, W] twice -> [n, 2, H, W]."""
        count = len(first)
        self._build_pyramids(first, second)
        num_slots = min(count, self.num_slots)
        empty = {"dtype": torch.float32, "device": self.device}
        self.flow = torch.empty(num_slots, 2, 2, self.area, **empty)
        self.dual = torch.empty(num_slots, 4, self.area, **empty)
        self.terms = torch.empty(num_slots, 4, self.area, **empty)
        self.errors = torch.empty(num_slots, **empty), torch.empty(num_slots, **empty)
        self.partial = torch.empty(num_slots, self.tiles, **empty)
        result = torch.empty(count, 2, *first.shape[1:], **empty)
        coarsest = len(self.shapes) - 1
        live, next_pair = [_Slot(number, number, coarsest) for number in range(num_slots)], num_slots
        while live:
            errors = self._run_round(live)
            finished = [slot for slot in live if self._advance(slot, errors[slot.number])]
            if finished:
                index = [slot.number for slot in finished], [slot.side for slot in finished]
                flow = self.flow[index].view(-1, *result.shape[1:])
                result[[slot.pair for slot in finished]] = flow
            for slot in finished:
                live.remove(slot)
                if next_pair < count:
                    live.append(_Slot(slot.number, next_pair, coarsest))
                    next_pair += 1
        return result

    def _build_pyramids(self, first: Tensor, second: Tensor) -> None:
        self.first = first.new_empty(len(first), self.total)
        self.images = first.new_empty(len(first), 3, self.total)
        for shape, offset in zip(self.shapes, self.offsets, strict=True):
            if shape != tuple(first.shape[1:]):
                step = 1 / self.settings.scale_step
                first, second = (resize(planes, shape, step=step) for planes in (first, second))
            place = slice(offset, offset + shape[0] * shape[1])
            self.first[:, place] = first.flatten(1)
            for channel, planes in enumerate((second, *central_gradient(second))):
                self.images[:, channel, place] = planes.flatten(1)

    def _run_round(self, live: list[_Slot]) -> list[float]:
        """Run what is due, then some iterations of all slots; returns each slot's last squared change."""
        rows, due = self._table(live)
        table = torch.tensor(rows, dtype=torch.int32).to(self.device)
        self._prepare(table, rows, due)
        settings = self.settings
        epsilon_2, rate = settings.epsilon**2, settings.tau / settings.theta
        bound, theta = settings.lam * settings.theta, settings.theta
        grid, tiles = self._grid(rows, len(rows)), triton.next_power_of_2(self.tiles)
        sizes = self.area, self.tiles, epsilon_2
        old, new = self.errors
        for _ in range(self.round):
            fields = self.flow, self.dual, self.terms, old, self.partial
            self._launch(kernels.update_flow, grid, table, *fields, *sizes, bound, theta)
            fields = self.flow, self.dual, old, new, self.partial
            self._launch(kernels.update_dual, grid, table, *fields, *sizes, rate, TILES=tiles)
            old, new = new, old
        self.errors = old, new
        return old.tolist()

    def _prepare(self, table: Tensor, rows: list[list[int]], due: dict[str, int]) -> None:
        """Start the scales, warps and median filters that are due."""
        area, errors = self.area, self.errors[0]
        if due["scale"]:
            grid, factor = self._grid(rows, due["scale"]), 1 / self.settings.scale_step
            self._launch(kernels.start_scale, grid, table, self.flow, self.dual, area, factor)
        if due["warp"]:
            grid = self._grid(rows, due["warp"])
            fields = self.first, self.images, self.flow, self.terms, errors
            self._launch(kernels.warp, grid, table, *fields, area, self.total)
        if due["median"]:
            grid = *self._grid(rows, due["median"]), 2
            self._launch(median_5x5, grid, table, self.flow, area)

    def _launch(self, kernel: Any, grid: tuple[int, ...], *arguments: object, **constants: int) -> None:
        # kernel: Any, because the annotations of a kernel are meant for Triton's compiler.
        kernel[grid](*arguments, BLOCK=self.block, **constants)

    def _table(self, live: list[_Slot]) -> tuple[list[list[int]], dict[str, int]]:
        """A table row per slot, and how many slots have a scale, warp or median due; those come first."""
        rows, due = [], {"scale": 0, "warp": 0, "median": 0}
        inner = self.settings.inner_iterations
        # Sorted, because a kernel runs over the first rows only: scales are due in a subset of warps, and
        # warps in a subset of median filters.
        live.sort(key=lambda slot: (slot.iteration > 0, slot.iteration % inner > 0, slot.warp > 0))
        for slot in live:
            level, side_coarse = slot.level, slot.side
            coarse = (0, 0)
            if slot.iteration == 0 and slot.warp == 0:
                due["scale"] += 1
                slot.side = 1 - slot.side
                coarse = self.shapes[level + 1] if level + 1 < len(self.shapes) else coarse
            due["warp"] += slot.iteration == 0
            side_warp = slot.side
            if self.settings.median_size > 1 and slot.iteration % self.settings.inner_iterations == 0:
                due["median"] += 1
                slot.side = 1 - slot.side
            shape, offset = self.shapes[level], self.offsets[level]
            rows.append([slot.number, slot.pair, *shape, offset, *coarse, side_coarse, side_warp, slot.side])
        return rows, due

    def _grid(self, rows: list[list[int]], count: int) -> tuple[int, int]:
        largest = max(row[kernels.HEIGHT.value] * row[kernels.WIDTH.value] for row in rows[:count])
        return triton.cdiv(largest, self.block), count

    def _advance(self, slot: _Slot, error: float) -> bool:
        """Count the round; after a warp move to the next warp or scale. True once the pair is finished."""
        settings = self.settings
        slot.iteration += self.round
        stopped = error <= settings.stop_error(*self.shapes[slot.level])
        if not stopped and slot.iteration < settings.inner_iterations * settings.outer_iterations:
            return False
        slot.iteration, slot.warp = 0, slot.warp + 1
        if slot.warp == settings.warps:
            slot.warp, slot.level = 0, slot.level - 1
        return slot.level < 0
