"""Batches with a fixed number of videos per class; every video is seen before one repeats."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor


def stream_seed(seed: int, *place: int) -> int:
    """A seed for one place of a run (epoch, purpose): an epoch can be repeated without those before it."""
    low, high = np.random.SeedSequence([seed, *place]).generate_state(2)
    return int(low) | int(high) << 32


class BalancedSampler:
    """Batches with a fixed number of videos of each class.

    label: float or bool [V]. batch: videos per batch, of each class at most as many as there are.
    anomalous_share: of a batch, 0.5 for 1:1, 0.4 for 40:60; None draws from all videos without balance.
    steps: batches per epoch; None = enough for every video to come up at least once.
    An epoch follows from (seed, epoch) alone: a resumed run needs no state.
    """

    def __init__(
        self,
        label: Tensor,
        *,
        batch: int,
        anomalous_share: float | None = 0.5,
        steps: int | None = None,
        seed: int = 0,
    ):
        anomalous = torch.as_tensor(label) > 0.5
        everything = torch.arange(len(anomalous))
        if anomalous_share is None:
            self.pools, counts = [everything], [batch]
        else:
            self.pools = [everything[anomalous], everything[~anomalous]]
            share = round(batch * anomalous_share)
            if 0 < anomalous_share < 1:
                share = min(max(share, 1), batch - 1)
            counts = [share, batch - share]
        # One pool has no class of its own, hence not strict.
        for pool, count, name in zip(self.pools, counts, ("anomalous", "normal"), strict=False):
            if count and not len(pool):
                raise ValueError(
                    f"no {name} video among the {len(anomalous)} training videos; both classes are needed"
                )
        self.counts = [min(count, len(pool)) for pool, count in zip(self.pools, counts, strict=True)]
        if not sum(self.counts):
            raise ValueError(
                f"a batch of {batch} with a share of {anomalous_share} anomalous videos is empty"
            )
        passes = [
            math.ceil(len(pool) / count) for pool, count in zip(self.pools, self.counts, strict=True) if count
        ]
        self.steps = steps if steps is not None else max(passes)
        self.seed = seed

    def epoch(self, number: int) -> Tensor:
        """The videos of every batch of an epoch, int64 [steps, B]: anomalous first, none twice in a batch."""
        generator = torch.Generator().manual_seed(stream_seed(self.seed, number, 1))
        drawn = [
            _endless(pool, count, steps=self.steps, generator=generator)
            for pool, count in zip(self.pools, self.counts, strict=True)
            if count
        ]
        return torch.cat(drawn, dim=1)


def _endless(pool: Tensor, count: int, *, steps: int, generator: torch.Generator) -> Tensor:
    """Consecutive permutations of the pool, cut into rows [steps, count] without repeated videos."""
    rows = pool.new_empty(0)
    while len(rows) < steps * count:
        fresh = pool[torch.randperm(len(pool), generator=generator)]
        # Videos of the row that this permutation completes go behind the others.
        begun = rows[len(rows) - len(rows) % count :]
        again = torch.isin(fresh, begun)
        rows = torch.cat([rows, fresh[~again], fresh[again]])
    return rows[: steps * count].reshape(steps, count)
