"""Small batches of bags for the tests of heads, and short trainings on them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from score.bags.bags import Bags
from score.heads.base import Head, HeadOutput

PLANTED = [3, 9]  # the anomalous instance of each of the two anomalous bags


def bags_of(rows: Tensor, label: Sequence[float], lengths=None, video=None) -> Bags:
    """Bags of rows [B, T, D] with labels [B]; instances from lengths [B] on are padding."""
    lengths = torch.full((len(rows),), rows.shape[1]) if lengths is None else torch.tensor(lengths)
    label = torch.as_tensor(label, dtype=torch.float32)
    video = None if video is None else torch.tensor(video)
    return Bags({"rgb": rows}, torch.arange(rows.shape[1]) < lengths[:, None], label, label.long(), video)


def random_bags(
    label: Sequence[float], *, lengths: Sequence[int], dim: int = 6, seed: int = 0, video=None
) -> Bags:
    generator = torch.Generator().manual_seed(seed)
    return bags_of(torch.randn(len(label), max(lengths), dim, generator=generator), label, lengths, video)


def taken(bags: Bags, order: Sequence[int]) -> Bags:
    """The bags at these indices, in this order; an index may repeat."""
    order = torch.tensor(order)
    video = None if bags.video is None else bags.video[order]
    features = {modality: rows[order] for modality, rows in bags.features.items()}
    return Bags(features, bags.mask[order], bags.label[order], bags.event_class[order], video)


def four_bags() -> Bags:
    """Two anomalous bags of 12 that differ from the two normal ones in the instances PLANTED."""
    generator = torch.Generator().manual_seed(1)
    rows = 0.2 * torch.randn(4, 12, 6, generator=generator)
    for bag, place in enumerate(PLANTED):
        rows[bag, place] += 3 * torch.tensor([1.0, -1, 1, -1, 1, -1])
    return bags_of(rows, [1, 1, 0, 0])


def train(head: Head, bags: Bags, *, steps: int, lr: float = 0.01, terms: Sequence[str] = ()) -> HeadOutput:
    """Train on one batch, on these terms only if any are given; returns the output in evaluation mode."""
    optimizer = torch.optim.Adam(head.parameters(), lr=lr)
    head.train()
    for _ in range(steps):
        losses = head.losses(head(bags), bags)
        optimizer.zero_grad()
        sum(value for name, value in losses.items() if not terms or name in terms).backward()
        optimizer.step()
    with torch.no_grad():
        return head.eval()(bags)


def moved_by(head: Head, bags: Bags, term: str) -> set[str]:
    """Names (up to the first dot) of the parameters that get a gradient from one term."""
    head.zero_grad(set_to_none=True)
    head.losses(head(bags), bags)[term].backward()
    return {
        name.split(".")[0]
        for name, parameter in head.named_parameters()
        if parameter.grad is not None and bool((parameter.grad != 0).any())
    }
