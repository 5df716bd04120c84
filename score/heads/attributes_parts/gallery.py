"""Normal crops, and which of them is nearest to a crop."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from score.heads.attributes_parts.exemplars import Exemplars
from score.heads.attributes_parts.region_table import RegionTable

AT_ONCE = 1024  # crops that are compared at a time
FAR = 1e9


class Gallery(nn.Module):
    """At most `size` normal crops in `width` dimensions, with the places that they come from."""

    # [size, width]; rows from `count` on are empty.
    rows: Tensor
    count: Tensor
    # [size, 2]: number of the training video, frame of it.
    origin: Tensor
    # [size, 4]: left, top, right, bottom as shares of the frame.
    box: Tensor
    # The largest distance of a normal crop that was left out to the nearest one that was kept.
    radius: Tensor

    def __init__(self, size: int, width: int):
        super().__init__()
        self.register_buffer("rows", torch.zeros(size, width))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.register_buffer("origin", torch.zeros(size, 2, dtype=torch.int64))
        self.register_buffer("box", torch.zeros(size, 4))
        self.register_buffer("radius", torch.zeros(()))

    def fit(self, rows: Tensor, origin: Tensor, box: Tensor) -> None:
        """Keep crops [n, width] so that none that is left out is far from one that is kept.

        Greedy k-centre (Gonzalez 1985): at most twice the radius of the best choice. All if they fit.
        """
        if len(rows) > len(self.rows):
            kept, radius = farthest_first(rows, len(self.rows))
        else:
            kept, radius = torch.arange(len(rows)), 0.0
        kept = kept.sort().values
        for buffer, values in ((self.rows, rows), (self.origin, origin), (self.box, box)):
            buffer.zero_()
            buffer[: len(kept)] = values[kept].to(buffer.dtype)
        self.count.fill_(len(kept))
        self.radius.fill_(radius)

    def fit_videos(self, examples: dict[int, Exemplars], tables: dict[int, RegionTable]) -> dict[int, Tensor]:
        """Fit to the examples of videos. Returns each video's distances to those of the others, [T, P].

        A single video is compared with itself.
        """
        videos = [video for video in examples if len(examples[video].rows)]
        if videos:
            parts = [examples[video] for video in videos]
            origin = [
                torch.stack([torch.full_like(part.frame, video), part.frame], dim=1)
                for video, part in zip(videos, parts, strict=True)
            ]
            boxes = [
                tables[video].box[part.frame, part.place] for video, part in zip(videos, parts, strict=True)
            ]
            self.fit(torch.cat([part.rows for part in parts]), torch.cat(origin), torch.cat(boxes))
        distances = {}
        for video, table in tables.items():
            own = examples[video]
            without = torch.full_like(own.frame, video) if len(videos) > 1 else None
            distance, _ = self.nearest(own.rows, without=without)
            distances[video] = own.spread(distance, table.track)
        return distances

    def nearest(self, rows: Tensor, *, without: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(distance [n], number of the nearest crop [n]).

        without: number of a training video for each row, whose crops do not count. FAR without any other.
        """
        known = self.rows[: int(self.count)]
        if not len(known):
            return rows.new_full((len(rows),), FAR), torch.zeros(len(rows), dtype=torch.int64)
        squares = known.square().sum(dim=1)
        distance, number = [], []
        for first in range(0, len(rows), AT_ONCE):
            part = rows[first : first + AT_ONCE]
            square = part.square().sum(dim=1, keepdim=True) + squares - 2 * part @ known.T
            if without is not None:
                own = without[first : first + AT_ONCE, None] == self.origin[: len(known), 0]
                square = square.masked_fill(own, FAR**2)
            least, place = square.min(dim=1)
            # Exactly, because the expanded square loses digits where crops are alike.
            exact = (part - known[place]).norm(dim=1)
            distance.append(torch.where(least < FAR**2, exact, FAR))
            number.append(place)
        return torch.cat(distance or [rows.new_zeros(0)]), torch.cat(
            number or [torch.zeros(0, dtype=torch.int64)]
        )


def farthest_first(rows: Tensor, count: int) -> tuple[Tensor, float]:
    """(numbers of `count` rows, the largest distance of any row to the nearest of them)."""
    squares = rows.square().sum(dim=1)
    place = int(squares.argmax())
    chosen, least = [place], torch.full((len(rows),), torch.inf)
    for _ in range(count):
        to_last = (squares + squares[place] - 2 * rows @ rows[place]).clamp(min=0)
        least = torch.minimum(least, to_last)
        least[place] = 0
        place = int(least.argmax())
        if len(chosen) < count:
            chosen.append(place)
    return torch.tensor(chosen), float(least.max().sqrt())
