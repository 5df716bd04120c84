"""How large a step of each public program is, from its own code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BatchSize:
    """videos: half of them anomalous. Every bag has as many instances, and every video as many crops."""

    preset: str
    videos: int
    crops: int
    instances: int
    features: int


SIZES = {
    # ucf_main.py: batches of 64 normal and 64 anomalous items, each one crop of 200 instances.
    "ur-dmu": BatchSize("ur-dmu-aaai23", videos=128, crops=1, instances=200, features=1024),
    # option.py: 32 and 32 videos; ten crops of 32 instances.
    "rtfm": BatchSize("rtfm-iccv21", videos=64, crops=10, instances=32, features=2048),
}
