"""Normal examples, and how much farther from them something is than they are from one another."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from score.heads.attributes_parts.exemplars import Exemplars
from score.heads.attributes_parts.farthest_first import farthest_first
from score.heads.attributes_parts.region_table import RegionTable

AT_ONCE = 512  # vectors that are compared at a time
NEIGHBOURS = 5
BLOCKS = 10  # parts of a single video that stand for videos
SMALLEST = 1e-6


class Neighbours(NamedTuple):
    """ratio: [n], see Gallery. distance: [n], to the nearest. number: int64 [n], of the nearest."""

    ratio: Tensor
    distance: Tensor
    number: Tensor


class Gallery(nn.Module):
    """At most `size` normal examples in `width` dimensions, with the places that they come from.

    A vector's ratio is its mean distance to the NEIGHBOURS nearest examples over the mean distance of these
    to their own neighbours in other groups, after the local outlier factor (Breunig et al., SIGMOD 2000): a
    rare but normal sight lies far from everything, and so do its neighbours.
    """

    # [size, width]; rows from `count` on are empty.
    rows: Tensor
    count: Tensor
    # [size, 3]: number of the training video, frame of it, and a number that examples of one group share.
    origin: Tensor
    # [size, 4]: left, top, right, bottom as shares of the frame.
    box: Tensor
    # [size]: mean distance of an example to its neighbours in other groups.
    own: Tensor
    # The largest distance of an example that was left out to the nearest one that was kept.
    radius: Tensor

    def __init__(self, size: int, width: int):
        super().__init__()
        self.register_buffer("rows", torch.zeros(size, width))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.register_buffer("origin", torch.zeros(size, 3, dtype=torch.int64))
        self.register_buffer("box", torch.zeros(size, 4))
        self.register_buffer("own", torch.ones(size))
        self.register_buffer("radius", torch.zeros(()))

    def fit(
        self, examples: dict[int, Exemplars], tables: dict[int, RegionTable], group: dict[int, int]
    ) -> dict[int, Tensor]:
        """Fit to the examples of videos. Returns each video's ratios to the videos of other groups, [T, P].

        group: video -> number of its group. Where all are of one group, videos stand for groups; a single
        video is cut into BLOCKS that do.
        """
        videos = [video for video in examples if len(examples[video].rows)]
        if len({group[video] for video in videos}) == 1:
            group = {video: video for video in tables}
        groups = {}
        for video in tables:
            frame = examples[video].frame
            block = frame * BLOCKS // max(len(tables[video].track), 1)
            groups[video] = block if len(videos) == 1 else torch.full_like(frame, group[video])
        if videos:
            self._keep(
                torch.cat([examples[video].rows for video in videos]),
                torch.cat(
                    [
                        torch.stack(
                            [
                                torch.full_like(examples[video].frame, video),
                                examples[video].frame,
                                groups[video],
                            ],
                            dim=1,
                        )
                        for video in videos
                    ]
                ),
                torch.cat(
                    [tables[video].box[examples[video].frame, examples[video].place] for video in videos]
                ),
            )
        return {
            video: examples[video].spread(
                self.compare(examples[video].rows, without=groups[video]).ratio, table.track
            )
            for video, table in tables.items()
        }

    def _keep(self, rows: Tensor, origin: Tensor, box: Tensor) -> None:
        """All examples if they fit, else those that leave none far away."""
        kept, radius = torch.arange(len(rows)), 0.0
        if len(rows) > len(self.rows):
            kept, radius = farthest_first(rows, len(self.rows))
            kept = kept.sort().values
        for buffer, values in ((self.rows, rows), (self.origin, origin), (self.box, box)):
            buffer.zero_()
            buffer[: len(kept)] = values[kept].to(buffer.dtype)
        self.count.fill_(len(kept))
        self.radius.fill_(radius)
        distance, _ = self._nearest(self.rows[: len(kept)], self.origin[: len(kept), 2])
        self.own[: len(kept)] = _mean(distance).clamp(min=SMALLEST)

    def compare(self, rows: Tensor, *, without: Tensor | None = None) -> Neighbours:
        """Vectors [n, width] with the examples; NaN without any.

        without: [n], of each vector the number of the examples that do not count.
        """
        if not len(rows) or not int(self.count):
            unknown = rows.new_full((len(rows),), torch.nan)
            return Neighbours(unknown, unknown, torch.zeros(len(rows), dtype=torch.int64))
        distance, number = self._nearest(rows, without)
        theirs = torch.where(distance.isfinite(), self.own[number], torch.nan)
        return Neighbours(_mean(distance) / _mean(theirs), distance[:, 0], number[:, 0])

    def _nearest(self, rows: Tensor, without: Tensor | None) -> tuple[Tensor, Tensor]:
        """(distances [n, k], nearest first, infinite where an example does not count; their numbers)."""
        count = int(self.count)
        known, group = self.rows[:count], self.origin[:count, 2]
        squares = known.square().sum(dim=1)
        distances, numbers = [], []
        for first in range(0, len(rows), AT_ONCE):
            part = rows[first : first + AT_ONCE]
            square = part.square().sum(dim=1, keepdim=True) + squares - 2 * part @ known.T
            if without is not None:
                square = square.masked_fill(without[first : first + AT_ONCE, None] == group, torch.inf)
            least, number = square.topk(min(NEIGHBOURS, count), dim=1, largest=False)
            # Exactly, because the expanded square loses digits where vectors are alike.
            exact = (part[:, None] - known[number]).norm(dim=2)
            exact, order = torch.where(least.isfinite(), exact, torch.inf).sort(dim=1, stable=True)
            distances.append(exact)
            numbers.append(number.gather(1, order))
        return torch.cat(distances), torch.cat(numbers)


def _mean(distances: Tensor) -> Tensor:
    """The mean of what is finite: [n, k] -> [n]; NaN without any."""
    return torch.where(distances.isfinite(), distances, torch.nan).nanmean(dim=1)
