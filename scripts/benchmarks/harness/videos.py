"""The videos that a benchmark of extraction works on."""

from __future__ import annotations

import itertools
from pathlib import Path


class Work:
    """What to extract. root: folder; ids: videos of some seconds each."""

    def __init__(self, root: Path, ids: list[str]):
        self.root, self.ids = root, ids

    def files(self) -> list[str]:
        return [str(self.root / f"{each}.mp4") for each in self.ids]


def linked(work: Work, folder: Path, copies: int) -> Work:
    """The same videos under several names."""
    ids = []
    for copy, path in itertools.product(range(copies), work.files()):
        ids.append(f"{Path(path).stem}_{copy}")
        (folder / f"{ids[-1]}.mp4").symlink_to(path)
    return Work(folder, ids)
