"""The published data sets whose lists come with the package."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources

from data_lists import shanghaitech, shanghaitech_one_class, ucf_crime, ucsd_ped1, ucsd_ped2, xd_violence
from data_lists.list_error import ListError
from data_lists.tsv import duplicate_problems, parse_list
from data_lists.video import LocatedVideo, Video

# Name -> order of the classes, Normal first. The folder of that name contains train.tsv and test.tsv.
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

    Raises ListError for an unknown name.
    """
    located, problems = load_located(dataset, split)
    if problems:
        raise ListError(problems)
    return [video for video, _ in located]


def load_located(dataset: str, split: str) -> tuple[list[LocatedVideo], list[str]]:
    """Videos of a published split, each with its location, and what is wrong with the name."""
    if dataset not in DATASETS:
        return [], [f"unknown data set {dataset!r}; known data sets: {', '.join(DATASETS)}"]
    if split not in SPLITS:
        return [], [f"unknown split {split!r} of {dataset}; known splits: {', '.join(SPLITS)}"]
    # Through importlib.resources, so that it works from a zipped or installed package.
    content = (resources.files(f"data_lists.{dataset}") / f"{split}.tsv").read_bytes()
    located, problems = parse_list(content, f"{dataset}/{split}")
    located = [(replace(video, split=split), location) for video, location in located]
    return located, problems + duplicate_problems(located)
