"""Descriptions of segments that need no weights: the table of them. They run in decode workers, on one core."""
from __future__ import annotations

from extract.descriptors.motion import Motion

DESCRIPTORS = {"motion": Motion}
