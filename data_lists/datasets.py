"""The published data sets whose lists come with the package."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources

from data_lists import shanghaitech, shanghaitech_one_class, ucf_crime, ucsd_ped1, ucsd_ped2, xd_violence
from data_lists.list_error import ListError
from data_lists.tsv import duplicate_problems, parse_list
from data_lists.video import Video

# Name -> order of the classes, Normal first. The folder of that name holds train.tsv and test.tsv.
DATASETS: dict[str, tuple[str, ...]] = {
    "ucf_crime": ucf_crime.CLASSES,
    "shanghaitech": shanghaitech.CLASSES,
    "shanghaitech_one_class": shanghaitech_one_class.CLASSES,
    "xd_violence": xd_violence.CLASSES,
    "ucsd_ped1": ucsd_ped1.CLASSES,
    "ucsd_ped2": ucsd_ped2.CLASSES,
}
SPLITS = ("train", "test")


def load_split(dataset: str, split: str) -> list[Video]:
    """The videos of a published split, in the official order, with `split` filled in.

    Raises ListError for a name that is not known.
    """
    placed, problems = load_placed(dataset, split)
    if problems:
        raise ListError(problems)
    return [video for video, _ in placed]


def load_placed(dataset: str, split: str) -> tuple[list[tuple[Video, str]], list[str]]:
    """Videos of a published split, each with its place, and the problems of the name."""
    if dataset not in DATASETS:
        return [], [f"unknown data set {dataset!r}; known data sets: {', '.join(DATASETS)}"]
    if split not in SPLITS:
        return [], [f"unknown split {split!r} of {dataset}; known splits: {', '.join(SPLITS)}"]
    content = (resources.files(f"data_lists.{dataset}") / f"{split}.tsv").read_bytes()
    placed, problems = parse_list(content, f"{dataset}/{split}")
    placed = [(replace(video, split=split), place) for video, place in placed]
    return placed, problems + duplicate_problems(placed)
