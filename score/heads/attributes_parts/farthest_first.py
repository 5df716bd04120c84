"""A few vectors that no other of many is far from."""

from __future__ import annotations

import torch
from torch import Tensor

AT_ONCE = 64  # of the farthest vectors, whose distances are computed together: most of them are chosen soon


def farthest_first(rows: Tensor, count: int) -> tuple[Tensor, float]:
    """(int64 [count], numbers of the chosen vectors; the largest distance of any to the nearest of them).

    Greedy k-centre (Gonzalez, 1985): at most twice the radius of the best choice. rows: [n, D], count <= n.
    """
    squares = rows.square().sum(dim=1)
    place = int(squares.argmax())
    chosen, least = [], torch.full((len(rows),), torch.inf)
    known: dict[int, Tensor] = {}  # number of a vector -> its squared distances to all
    for _ in range(count):
        if place not in known:
            ahead = [place, *least.topk(min(AT_ONCE, len(rows))).indices.tolist()] if chosen else [place]
            to_all = squares[ahead, None] + squares - 2 * rows[ahead] @ rows.T
            known = dict(zip(ahead, to_all.clamp_(min=0), strict=True))
        chosen.append(place)
        torch.minimum(least, known[place], out=least)
        least[place] = 0
        place = int(least.argmax())
    nearest = (rows[place] - rows[torch.tensor(chosen)]).norm(dim=1).min()
    return torch.tensor(chosen), float(nearest)
