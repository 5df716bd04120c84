"""A batch of bags: instances of several videos, padded to one length, with their labels."""
from __future__ import annotations

from dataclasses import dataclass, fields

from torch import Tensor


@dataclass
class Bags:
    """B bags of at most T instances.

    features: modality -> float [B, T, D].
    mask: bool [B, T], False where an instance is padding.
    label: float [B], 1 anomalous, 0 normal.
    event_class: int64 [B], 0 is Normal.
    """

    features: dict[str, Tensor]
    mask: Tensor
    label: Tensor
    event_class: Tensor

    def __post_init__(self):
        shape = tuple(self.mask.shape)
        if len(shape) != 2:
            raise ValueError(f"mask has shape {list(shape)}, expected [B, T]")
        for modality, rows in self.features.items():
            if rows.dim() != 3 or tuple(rows.shape[:2]) != shape:
                raise ValueError(f"features[{modality!r}] has shape {list(rows.shape)}, expected {list(shape)} + [D]")
        for name in ("label", "event_class"):
            if tuple(getattr(self, name).shape) != shape[:1]:
                raise ValueError(f"{name} has shape {list(getattr(self, name).shape)}, expected [{shape[0]}]")

    def to(self, device) -> Bags:
        """The same bags on another device."""
        moved = {field.name: getattr(self, field.name) for field in fields(self)}
        moved["features"] = {modality: rows.to(device) for modality, rows in self.features.items()}
        return Bags(**{name: value if name == "features" else value.to(device) for name, value in moved.items()})
