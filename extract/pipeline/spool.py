"""Arrays of one video while they grow: in unnamed files, so that memory does not grow with them."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from extract.pipeline.video_error import VideoError


@dataclass(frozen=True)
class SpooledArray:
    """An array in a file, read by slicing: only the slice is in memory."""

    file: BinaryIO
    dtype: np.dtype
    shape: tuple[int, ...]

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def __getitem__(self, rows: slice) -> np.ndarray:
        start, stop, _ = rows.indices(len(self))
        row_bytes = self.nbytes // len(self)
        self.file.seek(start * row_bytes)
        content = self.file.read((stop - start) * row_bytes)
        return np.frombuffer(content, self.dtype).reshape(-1, *self.shape[1:])


class Spool:
    """Rows are appended by name and read back by arrays(); the files vanish with their process.

    folder: on a disk that is large enough, None = the system's for temporary files.
    """

    def __init__(self, folder: Path | None):
        self.folder = folder
        self._files: dict[str, tuple[BinaryIO, np.dtype, tuple[int, ...]]] = {}
        self.count = 0

    def append(self, rows: dict[str, np.ndarray]) -> None:
        """One row of every array. Raises OSError if the disk is full."""
        for name, row in rows.items():
            row = np.ascontiguousarray(row)
            if name not in self._files:
                self._files[name] = tempfile.TemporaryFile(dir=self.folder), row.dtype, row.shape
            file, dtype, shape = self._files[name]
            assert (row.dtype, row.shape) == (dtype, shape), (
                f"{name} changes from {dtype} {shape} to {row.dtype} {row.shape}"
            )
            file.write(row.data)
        self.count += 1

    def arrays(self) -> dict[str, SpooledArray]:
        """name -> [N, ...], read from disk when sliced. Raises OSError if the disk is full."""
        for file, _, _ in self._files.values():
            file.flush()
        return {
            name: SpooledArray(file, dtype, (self.count, *shape))
            for name, (file, dtype, shape) in self._files.items()
        }

    def content(self, what: str) -> tuple[None, dict[str, np.ndarray]]:
        """The arrays as the rows of a video without features. Raises VideoError that names what is lost."""
        try:
            # They are sliced like arrays, which is all that the store does with them.
            return None, cast(dict[str, np.ndarray], self.arrays())
        except OSError as error:
            raise VideoError(f"its {what} cannot be kept: {error.strerror or error}") from None

    def close(self) -> None:
        for file, _, _ in self._files.values():
            file.close()
        self._files.clear()
