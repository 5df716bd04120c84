"""Files of torch.save from other people: tensors and plain values, without running any code."""

from __future__ import annotations

import os
import warnings
import zipfile
from pathlib import Path
from typing import Any

from extract.runtime.foreign.arrays import check_expansion
from extract.runtime.foreign.file_kinds import mistaken_for
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
                    content = torch.load(file, map_location="cpu", weights_only=True)
                # Hostile bytes end in many kinds of error, whose texts advise to load them unsafely.
                except Exception as error:
                    found = mistaken_for(path, TENSORS) or f"{type(error).__name__} while reading"
                    raise ForeignFileError(path, f"is damaged or not {kind} ({found})") from None
            _check_tensors(path, content)
            return content


def _check_archive(path: Path | str, file: Any) -> None:
    """torch.save compresses nothing; an archive that unpacks to far more is none of its own."""
    if not zipfile.is_zipfile(file):
        return
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    check_expansion(path, "it", unpacked, os.fstat(file.fileno()).st_size)


def _check_tensors(path: Path | str, content: Any) -> None:
    """Raise ForeignFileError for a tensor that is none of numbers in memory, each with a place of its own."""
    import torch

    # A list of what is left, because a file chooses how deep its values lie; each is looked at once.
    seen, waiting = set(), [content]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, (list, tuple, set, frozenset)):
            waiting += value
        elif isinstance(value, torch.Tensor):
            if value.layout != torch.strided or value.device.type != "cpu":
                raise ForeignFileError(path, f"holds a tensor that is {value.layout} on {value.device}")
            # A stride of 0 shows one number any number of times.
            check_expansion(
                path, "a tensor", value.numel() * value.element_size(), value.untyped_storage().nbytes()
            )
