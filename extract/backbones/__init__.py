"""The networks of stage 1 by name; a new one is one file and one line here."""
from __future__ import annotations

from collections.abc import Callable

from extract.backbones.base import Backbone
from extract.backbones.efficientnet import EfficientNetB0

BACKBONES: dict[str, Callable[[], Backbone]] = {
    "efficientnet-b0": EfficientNetB0,
}
