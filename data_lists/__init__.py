"""Lists, labels and anomaly spans of the published data sets and of the user's own videos.

Names are imported when they are used, because commands that need the kinds of files need no lists.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from data_lists.datasets import DATASETS, load_split
    from data_lists.legacy_truths import CONVENTIONS, legacy_truth
    from data_lists.list_error import ListError
    from data_lists.resolve import check_disjoint, resolve_lists
    from data_lists.truth import frame_labels
    from data_lists.tsv import digest, read_list, write_list
    from data_lists.video import Video

__all__ = [
    "CONVENTIONS",
    "DATASETS",
    "ListError",
    "Video",
    "check_disjoint",
    "digest",
    "frame_labels",
    "legacy_truth",
    "load_split",
    "read_list",
    "resolve_lists",
    "write_list",
]

HOMES = {
    "CONVENTIONS": "data_lists.legacy_truths",
    "DATASETS": "data_lists.datasets",
    "ListError": "data_lists.list_error",
    "Video": "data_lists.video",
    "check_disjoint": "data_lists.resolve",
    "digest": "data_lists.tsv",
    "frame_labels": "data_lists.truth",
    "legacy_truth": "data_lists.legacy_truths",
    "load_split": "data_lists.datasets",
    "read_list": "data_lists.tsv",
    "resolve_lists": "data_lists.resolve",
    "write_list": "data_lists.tsv",
}


def __getattr__(name: str) -> object:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(HOMES[name]), name)
