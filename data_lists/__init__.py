"""Lists, labels and anomaly spans of the published data sets and of the user's own videos."""

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
