"""Files of torch.save from other people: tensors and plain values, without running any code."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import Any

from extract.runtime.foreign.arrays import check_expansion
from extract.runtime.foreign.foreign_error import ForeignFileError, reading
from extract.runtime.foreign.regular_file import open_regular

TENSORS = "a file of torch.save"


def read_tensors(path: Path | str, *, kind: str = TENSORS) -> Any:
    """What torch.save wrote, on the CPU. kind: for messages.

    Raises ForeignFileError, also for pickles that would run code.
    """
    import torch

    with open_regular(path, expected=kind) as file:
        with reading(path, kind):
            _check_archive(path, file)
            file.seek(0)
            # Pickles of other programs warn, and then fail anyway.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    return torch.load(file, map_location="cpu", weights_only=True)
                except (
                    Exception
                ) as error:  # hostile or damaged bytes end in many kinds of error, whose texts advise
                    raise ForeignFileError(  # to load them unsafely
                        path, f"is damaged or not {kind} ({type(error).__name__} while reading)"
                    ) from None


def _check_archive(path: Path | str, file: Any) -> None:
    """torch.save compresses nothing; an archive that unpacks to far more is none of its own."""
    if not zipfile.is_zipfile(file):
        return
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            check_expansion(path, entry.filename, entry.file_size, entry.compress_size)
