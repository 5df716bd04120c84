"""Arrays of one video while it grows: on disk, in files without a name, so that memory does not grow with the
video."""
from __future__ import annotations

import tempfile
from pathlib import Path
from typing import BinaryIO

import numpy as np


class Spool:
    """Rows are appended by name; arrays() shows them all. What a killed process leaves disappears with it.

    folder: on the disk that has room for them, None = the system's for temporary files.
    """

    def __init__(self, folder: Path | None):
        self.folder = folder
        self._files: dict[str, tuple[BinaryIO, np.dtype, tuple[int, ...]]] = {}
        self.count = 0

    def append(self, rows: dict[str, np.ndarray]) -> None:
        """One row of every array. Raises OSError where the disk is full."""
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

    def arrays(self) -> dict[str, np.ndarray]:
        """name -> [N, ...], read from disk as it is used."""
        shown = {}
        for name, (file, dtype, shape) in self._files.items():
            file.flush()
            shown[name] = np.memmap(file, dtype=dtype, mode="r", shape=(self.count, *shape))
        return shown

    def close(self) -> None:
        for file, _, _ in self._files.values():
            file.close()
        self._files.clear()
