"""Segment descriptors that need no weights, by name. They run in decode workers, on one core each."""

from __future__ import annotations

from extract.descriptors.motion import Motion

DESCRIPTORS = {"motion": Motion}
