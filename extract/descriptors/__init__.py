"""Segment descriptors that need no weights, by name. They run in decode workers, on one core each."""

from __future__ import annotations

from extract.descriptors.motion import Motion
from extract.descriptors.speed_map import SpeedMap

DESCRIPTORS = {"motion": Motion, "speed": SpeedMap}
