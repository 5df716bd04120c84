"""Parser of UCSDped1.m."""

from __future__ import annotations

from pathlib import Path

from data_lists.official import OfficialLists
from data_lists.ucsd import parse_ucsd

NUM_FRAMES = 200  # in every folder of the set


def parse(folder: Path) -> OfficialLists:
    """Both splits; `folder` contains UCSDped1/Test/UCSDped1.m."""
    path = folder / "UCSDped1" / "Test" / "UCSDped1.m"
    return parse_ucsd(path, train_frames=[NUM_FRAMES] * 34, test_frames=[NUM_FRAMES] * 36)
