"""One image of a video: a file, or a file in a zip archive that is read without unpacking it."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import numpy as np

from data_lists.file_names import PAGED, is_image
from extract.runtime.foreign.arrays import check_expansion
from extract.runtime.foreign.foreign_error import ForeignFileError, reading
from extract.runtime.foreign.pictures import open_picture, read_rgb
from extract.runtime.foreign.regular_file import open_regular

ZIP = "a zip archive"


@dataclass(frozen=True)
class FrameImage:
    """Where an image is. member: its place in the zip archive `path`, "" for a file of its own."""

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        return PurePosixPath(self.member).name if self.member else self.path.name

    @property
    def stem(self) -> str:
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.name).suffix

    def open(self) -> BinaryIO:
        """Its bytes. Raises ForeignFileError."""
        if not self.member:
            return open_regular(self.path, expected="an image")
        with (
            open_regular(self.path, expected=ZIP) as file,
            reading(self.path, ZIP),
            zipfile.ZipFile(file) as archive,
        ):
            entry = archive.getinfo(self.member)
            check_expansion(self.path, self.member, entry.file_size, entry.compress_size)
            return io.BytesIO(archive.read(entry))

    def rgb(self, page: int = 0) -> np.ndarray:
        """uint8 [H, W, 3], turned as its EXIF orientation says. Raises ForeignFileError."""
        return read_rgb(self.path, file=self.open(), page=page)

    def pages(self) -> int:
        """How many pictures it holds. Raises ForeignFileError."""
        if self.suffix.lower() not in PAGED:
            return 1
        with open_picture(self.path, file=self.open()) as picture:
            return int(getattr(picture, "n_frames", 1))


def archived_images(path: Path) -> list[FrameImage]:
    """The images in a zip archive, which must lie in one folder of it. Raises ForeignFileError."""
    with open_regular(path, expected=ZIP) as file, reading(path, ZIP), zipfile.ZipFile(file) as archive:
        names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
    found = [name for name in names if is_image(PurePosixPath(name).name)]
    folders = sorted({str(PurePosixPath(name).parent) for name in found})
    if not found:
        raise ForeignFileError(path, "holds no image")
    if len(folders) > 1:
        raise ForeignFileError(path, f"holds images in {folders[0]} and in {folders[1]}, expected one folder")
    if len(set(found)) < len(found):
        raise ForeignFileError(path, "holds two images of one name")
    return [FrameImage(path, name) for name in found]
