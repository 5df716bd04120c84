"""TV-L1 on the GPU: a queue of pairs, each with its own scale and iteration, so that none waits for another.

Pairs in work lie in slots. A round starts scales, warps and median filters where they are due, then
iterates all slots a few times; a pair that meets its stop inside the round does nothing until the round
ends. Then the errors are read, finished pairs give their slot to the next of the queue, and kernels run
over used slots only.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

import torch
import triton
from torch import Tensor

from extract.flow import kernels_triton as kernels
from extract.flow.median_triton import median_5x5
from extract.flow.tvl1_reference import central_gradient, resize
from extract.flow.tvl1_settings import TVL1Settings

BLOCK = 1024  # pixels a program
ROUND = 6  # most iterations between two looks at the errors
PIXELS_IN_WORK = 8_000_000  # enough to fill a large GPU; about 50 bytes each
PYRAMID_BYTES = 2 << 30  # pyramids of the pairs that are queued together


def tvl1_triton(
    first: Tensor,
    second: Tensor,
    settings: TVL1Settings,
    *,
    block: int = BLOCK,
    pixels_in_work: int = PIXELS_IN_WORK,
) -> Tensor:
    """Grey float32 [B, H, W] on 0..255, twice, on the GPU -> flow float32 [B, 2, H, W] in pixels: x, then y.

    block: pixels a program, a power of two. pixels_in_work: of the pairs that are in slots at one time.
    """
    queue = _Queue(*first.shape[1:], settings, first.device, block=block, pixels_in_work=pixels_in_work)
    bytes_a_pair = 4 * 4 * queue.total  # four float32 planes
    together = max(1, PYRAMID_BYTES // bytes_a_pair)
    with torch.cuda.device(first.device) if first.is_cuda else nullcontext():
        return torch.cat([queue.run(*pairs) for pairs in zip(first.split(together), second.split(together))])


@dataclass
class _Slot:
    """Where a pair in work stands. side: which half of the slot's flow buffer holds the flow."""

    number: int
    pair: int
    level: int
    warp: int = 0
    iteration: int = 0
    side: int = 0


class _Queue:
    """The pairs of one call, all of one size."""

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
        count, settings = len(first), self.settings
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
        live, waiting = [_Slot(number, number, coarsest) for number in range(num_slots)], num_slots
        while live:
            errors = self._run_round(live)
            finished = [slot for slot in live if self._advance(slot, errors[slot.number])]
            if finished:
                places = [slot.number for slot in finished], [slot.side for slot in finished]
                flow = self.flow[places].view(-1, *result.shape[1:])
                result[[slot.pair for slot in finished]] = flow
            for slot in finished:
                live.remove(slot)
                if waiting < count:
                    live.append(_Slot(slot.number, waiting, coarsest))
                    waiting += 1
        return result

    def _build_pyramids(self, first: Tensor, second: Tensor) -> None:
        self.first = first.new_empty(len(first), self.total)
        self.pictures = first.new_empty(len(first), 3, self.total)
        for shape, offset in zip(self.shapes, self.offsets):
            if shape != tuple(first.shape[1:]):
                step = 1 / self.settings.scale_step
                first, second = (resize(planes, shape, step=step) for planes in (first, second))
            place = slice(offset, offset + shape[0] * shape[1])
            self.first[:, place] = first.flatten(1)
            for channel, planes in enumerate((second, *central_gradient(second))):
                self.pictures[:, channel, place] = planes.flatten(1)

    def _run_round(self, live: list[_Slot]) -> list[float]:
        """Runs what is due, then some iterations of all; returns each slot's last squared change."""
        rows, due = self._table(live)
        table = torch.tensor(rows, dtype=torch.int32).to(self.device)
        area, settings = self.area, self.settings
        old, new = self.errors
        if due["scale"]:
            factor = 1 / settings.scale_step
            grid = self._grid(rows, due["scale"])
            kernels.start_scale[grid](table, self.flow, self.dual, area, factor, BLOCK=self.block)
        if due["warp"]:
            kernels.warp[self._grid(rows, due["warp"])](
                table,
                self.first,
                self.pictures,
                self.flow,
                self.terms,
                old,
                area,
                self.total,
                BLOCK=self.block,
            )
        if due["median"]:
            median_5x5[(*self._grid(rows, due["median"]), 2)](table, self.flow, area, BLOCK=self.block)
        grid, tiles = self._grid(rows, len(rows)), triton.next_power_of_2(self.tiles)
        epsilon_2, rate = settings.epsilon**2, settings.tau / settings.theta
        bound = settings.lam * settings.theta
        for _ in range(self.round):
            kernels.update_flow[grid](
                table,
                self.flow,
                self.dual,
                self.terms,
                old,
                self.partial,
                area,
                self.tiles,
                epsilon_2,
                bound,
                settings.theta,
                BLOCK=self.block,
            )
            kernels.update_dual[grid](
                table,
                self.flow,
                self.dual,
                old,
                new,
                self.partial,
                area,
                self.tiles,
                epsilon_2,
                rate,
                BLOCK=self.block,
                TILES=tiles,
            )
            old, new = new, old
        self.errors = old, new
        return old.tolist()

    def _table(self, live: list[_Slot]) -> tuple[list[list[int]], dict[str, int]]:
        """A row for each slot, those with most due first; how many have a scale, warp or median due."""
        rows, due = [], {"scale": 0, "warp": 0, "median": 0}
        inner = self.settings.inner_iterations
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
        """Counts the round; at a warp's end goes on to the next, or to the next scale. True = finished."""
        settings = self.settings
        slot.iteration += self.round
        stopped = error <= settings.stop_error(*self.shapes[slot.level])
        if not stopped and slot.iteration < settings.inner_iterations * settings.outer_iterations:
            return False
        slot.iteration, slot.warp = 0, slot.warp + 1
        if slot.warp == settings.warps:
            slot.warp, slot.level = 0, slot.level - 1
        return slot.level < 0
