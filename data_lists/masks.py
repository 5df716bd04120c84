"""Pixel masks of anomalies as data sets publish them: one interface over pictures, arrays and MATLAB files.

    FOLDER/<id>.npy, <id>.npz       [frames, H, W] (ShanghaiTech's test_pixel_mask); `mask` of an .npz
    FOLDER/<n>_label.mat, <id>.mat  a cell of masks called volLabel (Avenue's testing_label_mask)
    FOLDER/<id>_gt/*.bmp            a picture a frame (UCSD, beside the frames of Test/Test001)
    FOLDER/<id>/*.png               the same

<id> is that of the list, or the end of it: testing/frames/01_0014 is also looked for as frames/01_0014 and as
01_0014. Any value above 0 (in pictures above 127) is anomalous. scipy and Pillow are loaded only where a file
needs them.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from data_lists.list_error import ListError
from data_lists.truth import spans_of_labels

PICTURES = frozenset(".bmp .png .tif .tiff .jpg .jpeg".split())
GREY, MOST_GREY = (8, 247), 0.2  # pixels in between are neither, and so many of them make no mask


@dataclass(frozen=True)
class Masks:
    """The masks of one video; a frame's is read when it is asked for.

    path: file or folder. num_frames: how many there are. size: width and height in pixels.
    """

    path: Path
    num_frames: int
    size: tuple[int, int]
    read: Callable[[int], np.ndarray] = field(repr=False)

    def __len__(self) -> int:
        return self.num_frames

    def __getitem__(self, frame: int) -> np.ndarray:
        """bool [H, W] of one frame. Raises IndexError past the end, ListError for a mask of another size."""
        if not 0 <= frame < self.num_frames:
            raise IndexError(f"{self.path}: frame {frame} of {self.num_frames}")
        mask = np.asarray(self.read(frame))
        mask = mask > (127 if mask.dtype == np.uint8 and mask.max(initial=0) > 1 else 0)
        if mask.shape != self.size[::-1]:
            shapes = f"{list(mask.shape)}, expected {list(self.size[::-1])}"
            raise ListError([f"{self.path}: the mask of frame {frame} is {shapes}"])
        return mask

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[frame] for frame in range(self.num_frames))

    def spans(self) -> tuple[tuple[int, int], ...]:
        """Anomaly spans: the frames with at least one anomalous pixel."""
        return spans_of_labels([int(mask.any()) for mask in self])


def open_masks(folder: str | Path, video_id: str) -> Masks:
    """The masks of a video in any of the layouts. Raises ListError where there are none, or two."""
    for place in places_of(folder, video_id):
        if fits := _fits(place):
            if len(fits) > 1:
                raise ListError([f"two files of masks fit, {fits[0]} and {fits[1]}; remove or rename one"])
            return read_masks(fits[0])
    place = Path(folder) / video_id
    folders = f"a folder of pictures, {place.name}_gt or {place.name}"
    raise ListError([f"{place}: no masks; expected .npy, .npz, .mat or {folders}"])


def places_of(folder: str | Path, video_id: str) -> list[Path]:
    """Where the truth of a video may lie, without suffix: below the folder by its id, or by the end of it."""
    parts = video_id.split("/")
    return [Path(folder, *parts[first:]) for first in range(len(parts))]


def shared_problems(paths: dict[str, Path]) -> list[str]:
    """A problem for each file that the ends of several ids lead to. paths: video id -> its file or folder."""
    owners: dict[Path, list[str]] = {}
    for video_id, path in paths.items():
        owners.setdefault(path, []).append(video_id)
    return [
        f"{path}: found for {' and '.join(ids)}; put it below the folder of its video"
        for path, ids in owners.items()
        if len(ids) > 1
    ]


def _fits(place: Path) -> list[Path]:
    number = re.fullmatch(r"0*(\d+)", place.name)
    names = [f"{place.name}{suffix}" for suffix in (".npy", ".npz", ".mat")]
    names += [f"{number[1]}_label.mat"] if number else [f"{place.name}_label.mat"]
    fits = [path for name in names if (path := place.with_name(name)).is_file()]
    fits += [path for path in (place.with_name(f"{place.name}_gt"), place) if _pictures(path)]
    if place in fits and len(fits) > 1:
        fits.remove(place)  # beside UCSD's masks lie the frames themselves
    return fits


def read_masks(path: Path) -> Masks:
    """One file of masks, or one folder of pictures. Raises ListError for what is none."""
    try:
        if path.is_dir():
            return _of_pictures(path)
        return {".npy": _of_array, ".npz": _of_archive, ".mat": _of_matlab}[path.suffix](path)
    except KeyError as error:
        raise ListError([f"{path}: no masks in it ({error})"]) from None
    except (OSError, ValueError, TypeError, NotImplementedError, zipfile.BadZipFile) as error:
        if isinstance(error, ListError):
            raise
        raise ListError([f"{path}: the masks cannot be read ({str(error).splitlines()[0]})"]) from None


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    found = [
        path for path in folder.iterdir() if path.suffix.lower() in PICTURES and not path.name.startswith(".")
    ]
    return sorted(
        found,
        key=lambda path: [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path.name)],
    )


def _of_pictures(folder: Path) -> Masks:
    from PIL import Image

    paths = _pictures(folder)
    if not paths:
        raise ListError([f"{folder}: no pictures of masks in it"])

    def read(frame: int) -> np.ndarray:
        with Image.open(paths[frame]) as picture:
            grey = np.asarray(picture.convert("L"))
        if ((grey > GREY[0]) & (grey < GREY[1])).mean() > MOST_GREY:
            name = folder.name
            beside = "" if name.endswith("_gt") else f"; those of {name} are looked for in {name}_gt too"
            raise ListError(
                [f"{paths[frame]}: a picture of many greys, no mask; masks are black and white{beside}"]
            )
        return grey

    read(0), read(len(paths) // 2)  # the frames themselves are told before anything is judged by them
    with Image.open(paths[0]) as picture:
        return Masks(folder, len(paths), picture.size, read)


def _of_array(path: Path) -> Masks:
    return _stacked(path, np.load(path, mmap_mode="r", allow_pickle=False))


def _of_archive(path: Path) -> Masks:
    with np.load(path, allow_pickle=False) as archive:
        return _stacked(path, archive["mask"])


def _stacked(path: Path, masks: np.ndarray) -> Masks:
    if masks.ndim != 3 or 0 in masks.shape:
        raise ListError([f"{path}: masks have shape {list(masks.shape)}, expected [frames, H, W]"])
    return Masks(path, len(masks), (masks.shape[2], masks.shape[1]), masks.__getitem__)


def _of_matlab(path: Path) -> Masks:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        cell = loadmat(path, variable_names=["volLabel"])["volLabel"].reshape(-1)
    except MatReadError as error:
        raise ValueError(str(error)) from None
    if not len(cell) or cell[0].ndim != 2:
        raise ListError([f"{path}: volLabel is no cell of masks"])
    return Masks(path, len(cell), (cell[0].shape[1], cell[0].shape[0]), cell.__getitem__)
