"""A few vectors that no other of many is far from."""

from __future__ import annotations

import torch
from torch import Tensor


def farthest_first(rows: Tensor, count: int) -> tuple[Tensor, float]:
    """(int64 [count], numbers of the chosen vectors; the largest distance of any to the nearest of them).

    Greedy k-centre (Gonzalez, 1985): at most twice the radius of the best choice. rows: [n, D], count <= n.
    """
    squares = rows.square().sum(dim=1)
    place = int(squares.argmax())
    chosen, least = [], torch.full((len(rows),), torch.inf)
    for _ in range(count):
        chosen.append(place)
        to_last = squares + squares[place] - 2 * rows @ rows[place]
        least = torch.minimum(least, to_last.clamp(min=0))
        least[place] = 0
        place = int(least.argmax())
    nearest = (rows[place] - rows[torch.tensor(chosen)]).norm(dim=1).min()
    return torch.tensor(chosen), float(nearest)
