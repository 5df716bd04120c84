"""Parser of UCSDped2.m."""

from __future__ import annotations

from pathlib import Path

from data_lists.official import OfficialLists
from data_lists.ucsd import parse_ucsd

TEST_FRAMES = [180, 180, 150, 180, 150, 180, 180, 180, 120, 150, 180, 180]  # of Test001 .. Test012


def parse(folder: Path) -> OfficialLists:
    """Both splits; `folder` contains UCSDped2/Test/UCSDped2.m, which gives no lengths of training clips."""
    path = folder / "UCSDped2" / "Test" / "UCSDped2.m"
    return parse_ucsd(path, train_frames=[None] * 16, test_frames=TEST_FRAMES)
