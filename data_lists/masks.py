"""Pixel masks of anomalies as data sets publish them: one interface to images, arrays and MATLAB files.

    FOLDER/<id>.npy, <id>.npz       [frames, H, W] (ShanghaiTech's test_pixel_mask); `mask` of an .npz
    FOLDER/<n>_label.mat, <id>.mat  a cell array of masks called volLabel (Avenue's testing_label_mask)
    FOLDER/<id>_gt/*.bmp            one image per frame (UCSD, next to the frames of Test/Test001)
    FOLDER/<id>/*.png               the same

<id> is the id in the list, or the end of it: testing/frames/01_0014 is also looked up as frames/01_0014 and
01_0014. Any value above 0 (in images above 127) is anomalous.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from data_lists.file_names import is_image, natural_key
from data_lists.list_error import ListError, unreadable
from data_lists.truth import spans_of_labels
from data_lists.video_checks import MOST_FRAMES
from extract.runtime.foreign.arrays import read_mat, read_npy, read_npz
from extract.runtime.foreign.foreign_error import ForeignFileError, one_line
from extract.runtime.foreign.pictures import MOST_PIXELS, open_picture
from extract.runtime.foreign.regular_file import present

# Levels between these are neither black nor white; an image with a larger share of them is not a mask.
GREY, MOST_GREY = (8, 247), 0.2
# What compressed masks of one video may unpack to, however small they are: 9,000 frames of 640x360. Masks are
# nearly empty: Deflate shrinks those of a minute of Avenue's size to a hundredth or a thousandth.
MOST_BYTES = 1 << 31


@dataclass(frozen=True)
class Masks:
    """The masks of one video, one per frame, each read on demand."""

    path: Path  # file or folder
    num_frames: int
    size: tuple[int, int]  # width and height in pixels
    read: Callable[[int], np.ndarray] = field(repr=False)  # frame -> [H, W]

    def __len__(self) -> int:
        return self.num_frames

    def __getitem__(self, frame: int) -> np.ndarray:
        """bool [H, W] of one frame. Raises IndexError past the end, ListError for a mask of another size."""
        if not 0 <= frame < self.num_frames:
            raise IndexError(f"{self.path}: frame {frame} of {self.num_frames}")
        mask = np.asarray(self.read(frame))
        # Images and arrays use 255 or 1 for anomalous; JPEG noise around 0 must not count.
        mask = mask > (127 if mask.dtype == np.uint8 and mask.max(initial=0) > 1 else 0)
        if mask.shape != self.size[::-1]:
            shapes = f"{list(mask.shape)}, expected {list(self.size[::-1])}"
            raise ListError([f"{self.path}: the mask of frame {frame} is {shapes}"])
        return mask

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[frame] for frame in range(self.num_frames))

    def spans(self) -> tuple[tuple[int, int], ...]:
        """Anomaly spans: runs of frames with at least one anomalous pixel."""
        return spans_of_labels([int(mask.any()) for mask in self])


def open_masks(folder: str | Path, video_id: str) -> Masks:
    """The masks of a video in any of the layouts. Raises ListError if there are none, or if two match."""
    for stem in candidate_paths(folder, video_id):
        if matches := _matches(stem):
            if len(matches) > 1:
                names = f"{matches[0]} and {matches[1]}"
                raise ListError([f"two mask files match, {names}; remove or rename one"])
            return read_masks(matches[0])
    stem = Path(folder) / video_id
    folders = f"a folder of images, {stem.name}_gt or {stem.name}"
    raise ListError([f"{stem}: no masks; expected .npy, .npz, .mat or {folders}"])


def candidate_paths(folder: str | Path, video_id: str) -> list[Path]:
    """Paths without suffix where the truth of a video may be: its id, or the end of it, below the folder."""
    parts = video_id.split("/")
    return [Path(folder, *parts[first:]) for first in range(len(parts))]


def shared_problems(paths: dict[str, Path]) -> list[str]:
    """A problem per file that belongs to several videos. paths: video id -> file or folder of its truth.

    This happens if only the ends of their ids match the file.
    """
    owners: dict[Path, list[str]] = {}
    for video_id, path in paths.items():
        owners.setdefault(path, []).append(video_id)
    return [
        f"{path}: found for {' and '.join(ids)}; move it below the folder of its video"
        for path, ids in owners.items()
        if len(ids) > 1
    ]


def _matches(stem: Path) -> list[Path]:
    # Avenue numbers its videos 01 and their masks 1_label.mat.
    number = re.fullmatch(r"0*(\d+)", stem.name)
    names = [f"{stem.name}{suffix}" for suffix in (".npy", ".npz", ".mat")]
    names += [f"{number[1]}_label.mat"] if number else [f"{stem.name}_label.mat"]
    matches = present(stem.with_name(name) for name in names)
    matches += [path for path in (stem.with_name(f"{stem.name}_gt"), stem) if _images(path)]
    if stem in matches and len(matches) > 1:
        matches.remove(stem)  # in UCSD this folder holds the frames, and their masks lie next to it
    return matches


def read_masks(path: Path) -> Masks:
    """The masks of one file or one folder of images. Raises ListError for anything else."""
    readers = {".npy": _of_array, ".npz": _of_archive, ".mat": _of_matlab}
    try:
        if os.path.isdir(path):
            return _of_images(path)
        if path.suffix not in readers:
            raise ForeignFileError(path, f"expected {', '.join(readers)} or a folder of images")
        return readers[path.suffix](path)
    except ForeignFileError as error:
        raise ListError([unreadable("the masks", error)]) from None


def _images(folder: Path) -> list[Path]:
    if not os.path.isdir(folder):
        return []
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if is_image(entry.name)]
    except OSError as error:
        raise ListError([f"{folder}: the folder cannot be listed ({one_line(error)})"]) from None
    return [folder / name for name in sorted(names, key=natural_key)]


def _of_images(folder: Path) -> Masks:
    paths = _images(folder)
    if not paths:
        raise ListError([f"{folder}: contains no mask images"])

    def read(frame: int) -> np.ndarray:
        try:
            with open_picture(paths[frame]) as image:
                grey = np.asarray(image.convert("L"))
        except ForeignFileError as error:
            raise ListError([unreadable("the mask", error)]) from None
        if ((grey > GREY[0]) & (grey < GREY[1])).mean() > MOST_GREY:
            name = folder.name
            beside = "" if name.endswith("_gt") else f"; masks of {name} are also looked for in {name}_gt"
            raise ListError([f"{paths[frame]}: a grey image, but masks are black and white{beside}"])
        return grey

    # Detect a folder of frames instead of masks now, before anything is evaluated against it.
    read(len(paths) // 2)
    height, width = read(0).shape
    return Masks(folder, len(paths), (width, height), read)


def _of_array(path: Path) -> Masks:
    # Mapped into memory: a mask array may be larger than memory, and frames are read one by one.
    return _stacked(path, read_npy(path, mapped=True))


def _of_archive(path: Path) -> Masks:
    return _stacked(path, read_npz(path, "mask", always=MOST_BYTES))


def _stacked(path: Path, masks: np.ndarray) -> Masks:
    if masks.ndim != 3 or 0 in masks.shape:
        raise ListError([f"{path}: masks have shape {list(masks.shape)}, expected [frames, H, W]"])
    # A file may be a hole that takes no room on the disk.
    if len(masks) > MOST_FRAMES or masks.shape[1] * masks.shape[2] > MOST_PIXELS:
        most = f"at most {MOST_FRAMES} frames of {MOST_PIXELS} pixels"
        raise ListError([f"{path}: masks have shape {list(masks.shape)}, expected {most}"])
    return Masks(path, len(masks), (masks.shape[2], masks.shape[1]), masks.__getitem__)


def _of_matlab(path: Path) -> Masks:
    cell = read_mat(path, ["volLabel"], always=MOST_BYTES).get("volLabel")
    if not isinstance(cell, list) or not cell or any(getattr(mask, "ndim", 0) != 2 for mask in cell):
        raise ListError([f"{path}: volLabel is not a cell array of masks"])
    return Masks(path, len(cell), (cell[0].shape[1], cell[0].shape[0]), cell.__getitem__)
