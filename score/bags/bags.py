"""A batch of bags: instances of several videos, padded to one length, with their labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from extract.store.texts import ClassTexts
from score.pooling.modality_table import Part


@dataclass(frozen=True)
class BagSpec:
    """What a head must know about its bags before it is built; kept in the checkpoint.

    feature_dims: modality -> D. event_classes: names, Normal first. class_counts: training videos per class.
    array_shapes: of Bags.arrays, for one instance. table: the columns of each store; () where a modality is
    all that is known, see parts. texts: vectors of classes, for heads that compare features with them. added:
    how many classes, the last ones, were added to a trained head; scores are made without them.
    """

    feature_dims: dict[str, int]
    event_classes: tuple[str, ...] = ("Normal", "Anomaly")
    class_counts: tuple[int, ...] = (1, 1)
    array_shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    table: tuple[Part, ...] = ()
    texts: ClassTexts | None = None
    added: int = 0

    def __post_init__(self):
        if len(self.event_classes) != len(self.class_counts):
            raise ValueError(f"{len(self.event_classes)} event classes with {len(self.class_counts)} counts")

    @property
    def scored_classes(self) -> int:
        """How many of the event classes, the first ones, anomaly scores are made of."""
        return len(self.event_classes) - self.added

    @property
    def joined_dim(self) -> int:
        """D of Bags.joined()."""
        return sum(self.feature_dims.values())

    @property
    def parts(self) -> tuple[Part, ...]:
        """The columns of each store; without a table, those of each modality."""
        return self.table or tuple(Part(name, name, ((0, dim),)) for name, dim in self.feature_dims.items())


@dataclass
class Bags:
    """B bags of at most T instances.

    features: modality -> float [B, T, D]. mask: bool [B, T], False where an instance is padding. label: float
    [B], 1 anomalous, 0 normal. event_class: int64 [B], 0 is Normal. video: int64 [B], which video a bag comes
    from; the crops of one video share it. None = every bag has its own. arrays: name -> [B, T, ...] as
    stored, for heads that look at pixels and people (Head.arrays).
    """

    features: dict[str, Tensor]
    mask: Tensor
    label: Tensor
    event_class: Tensor
    video: Tensor | None = None
    arrays: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self):
        shape = tuple(self.mask.shape)
        if len(shape) != 2:
            raise ValueError(f"mask has shape {list(shape)}, expected [B, T]")
        for modality, rows in self.features.items():
            if rows.dim() != 3 or tuple(rows.shape[:2]) != shape:
                raise ValueError(
                    f"features[{modality!r}] has shape {list(rows.shape)}, expected {list(shape)} + [D]"
                )
        for name, rows in self.arrays.items():
            if tuple(rows.shape[:2]) != shape:
                raise ValueError(
                    f"arrays[{name!r}] has shape {list(rows.shape)}, expected {list(shape)} first"
                )
        for name in ("label", "event_class", "video"):
            rows = getattr(self, name)
            if rows is not None and tuple(rows.shape) != shape[:1]:
                raise ValueError(f"{name} has shape {list(rows.shape)}, expected [{shape[0]}]")

    def __len__(self) -> int:
        return len(self.mask)

    def joined(self) -> Tensor:
        """All modalities concatenated in the order of their names: [B, T, sum of D]."""
        rows = [self.features[modality] for modality in sorted(self.features)]
        return rows[0] if len(rows) == 1 else torch.cat(rows, dim=2)

    def part(self, part: Part) -> Tensor:
        """The columns of one store: [B, T, its width]."""
        rows = self.features[part.modality]
        columns = [rows[:, :, start:stop] for start, stop in part.columns]
        return columns[0] if len(columns) == 1 else torch.cat(columns, dim=2)

    def of_bag(self, number: int) -> Bags:
        """One of the bags alone."""
        return self._mapped(lambda rows: rows[number : number + 1])

    def with_features(self, features: dict[str, Tensor]) -> Bags:
        """The same bags with other features."""
        return replace(self, features=features)

    def to(self, device: torch.device | str) -> Bags:
        """The same bags on another device."""
        return self._mapped(lambda rows: rows.to(device))

    def _mapped(self, change: Callable[[Tensor], Tensor]) -> Bags:
        """The same change of every tensor, whose first axis is that of the bags."""
        changed = {each.name: getattr(self, each.name) for each in fields(self)}
        for name, value in changed.items():
            if isinstance(value, Tensor):
                changed[name] = change(value)
            elif isinstance(value, dict):
                changed[name] = {key: change(rows) for key, rows in value.items()}
        return Bags(**changed)


def stacked(parts: Sequence[Bags]) -> Bags:
    """The bags of several videos in one batch, padded with zeros to the longest.

    Each part holds the bags of one video, one per crop. A single part is returned as it is.
    """
    if len(parts) == 1:
        return parts[0]

    def padded(each_part: Iterable[Tensor]) -> Tensor:
        return pad_sequence([bag for rows in each_part for bag in rows], batch_first=True)

    counts = torch.tensor([len(each) for each in parts])
    video = torch.arange(len(parts)).repeat_interleave(counts)
    return Bags(
        features={name: padded(each.features[name] for each in parts) for name in parts[0].features},
        mask=padded(each.mask for each in parts),
        label=torch.cat([each.label for each in parts]),
        event_class=torch.cat([each.event_class for each in parts]),
        video=video.to(parts[0].mask.device),
        arrays={name: padded(each.arrays[name] for each in parts) for name in parts[0].arrays},
    )
