"""Frame truths as published arrays and code define them, for numbers that are comparable with papers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from data_lists.datasets import load_split
from data_lists.shanghaitech.legacy import gt_sh
from data_lists.ucf_crime.legacy import floor16, gt_rtfm, gt_ucf, gt_vadclip
from data_lists.video import Video
from data_lists.xd_violence.legacy import gt_xd


@dataclass(frozen=True)
class Convention:
    """A legacy truth: the data set whose test split it covers, and the function that builds it."""

    dataset: str
    build: Callable[[Sequence[Video]], list[tuple[str, np.ndarray]]]


CONVENTIONS: dict[str, Convention] = {
    "gt-ucf": Convention("ucf_crime", gt_ucf),
    "floor16": Convention("ucf_crime", floor16),
    "gt-rtfm": Convention("ucf_crime", gt_rtfm),
    "gt-vadclip": Convention("ucf_crime", gt_vadclip),
    "gt-sh": Convention("shanghaitech", gt_sh),
    "gt-xd": Convention("xd_violence", gt_xd),
    "rtfm": Convention("ucf_crime", gt_rtfm),  # the older name of gt-rtfm
}


def legacy_truth(convention: str) -> list[tuple[str, np.ndarray]]:
    """(video id, uint8 labels [legacy length]) of every test video, in the order of the published array.

    Raises ValueError for an unknown name.
    """
    if convention not in CONVENTIONS:
        raise ValueError(f"unknown convention {convention!r}; known conventions: {', '.join(CONVENTIONS)}")
    chosen = CONVENTIONS[convention]
    return chosen.build(load_split(chosen.dataset, "test"))
