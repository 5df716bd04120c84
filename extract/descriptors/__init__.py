"""Descriptions of segments that need no weights: a table. They run in decode workers, on one core."""

from __future__ import annotations

from extract.descriptors.motion import Motion

DESCRIPTORS = {"motion": Motion}
