"""Batches with fewer clips than a full one: computed without zeros where that changes no bit of a row."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


class ShortBatches:
    """What a network's arithmetic on this CPU allows, found out once for each number of clips."""

    def __init__(self):
        # clips of zeros so far, less the clips with which shorter batches were tried
        self._zeros = 0
        # (clips of a full batch, threads) -> rows of a full batch of noise; None where they follow its places
        self._full: dict[tuple[int, int], Tensor | None] = {}
        # (clips, clips of a full batch, threads) -> whether their rows are those of a full batch
        self._equal: dict[tuple[int, int, int], bool] = {}

    def size(self, count: int, full: int, shape: torch.Size, *, forward: Callable[[Tensor], Tensor]) -> int:
        """How many clips a batch has that holds `count` of [channels, L, S, S]; the others are zeros.

        forward: scaled clips [n, channels, L, S, S] -> rows [n, D]. Shorter batches are tried as soon as the
        zeros have cost as much as that does, so they never cost more than twice the least. What was extracted
        before decides about speed alone.
        """
        if count == full:
            return full
        if (case := _case(count, full)) not in self._equal:
            self._zeros += full - count
            cost = count if case[1:] in self._full else 2 * full + count
            if self._zeros < cost:
                return full
            self._zeros -= cost
            self._equal[case] = self._gives_equal_rows(count, full, shape, forward)
        return count if self._equal[case] else full

    def allow(self, count: int, full: int) -> bool:
        """Whether `count` clips have the rows that they have in a full batch, as far as that was tried."""
        return self._equal.get(_case(count, full), False)

    def _gives_equal_rows(
        self, count: int, full: int, shape: torch.Size, forward: Callable[[Tensor], Tensor]
    ) -> bool:
        """With noise, bit for bit, and wherever in a full batch the clips would be.

        If each clip of a full batch has the row that it has one place further on, beside another clip that
        comes and one that goes, then all places compute alike and neighbours do not matter.
        """
        channels, *others = shape
        noise = torch.Generator().manual_seed(0)
        clips = torch.randn(full + 1, *others, channels, generator=noise).movedim(-1, 1)
        case = _case(count, full)[1:]
        if case not in self._full:
            rows, moved = forward(clips[:-1]), forward(clips[1:])
            self._full[case] = rows if torch.equal(rows[1:], moved[:-1]) else None
        rows = self._full[case]
        return rows is not None and torch.equal(rows[:count], forward(clips[:count]))


def _case(count: int, full: int) -> tuple[int, int, int]:
    return count, full, torch.get_num_threads()
