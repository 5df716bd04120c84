"""Files of plain values and tensors, which torch.load(weights_only=True) reads without running any code."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import torch

from extract.runtime.atomic import write_bytes
from score.runs.checkpoint_error import CheckpointError

FORMAT_VERSION = 1


def save_file(values: dict, path: Path, kind: str, *, durable: bool = True) -> None:
    """Write values atomically. kind: such as "checkpoint". durable: survives a power cut; slower."""
    # In memory first: torch makes an error without a name of a full disk, and writes the name of a path into
    # the archive.
    content = io.BytesIO()
    torch.save({"format": f"vad-score {kind}", "format_version": FORMAT_VERSION, **values}, content)
    write_bytes(path, content.getbuffer(), durable=durable)


def load_file(path: Path | str, kind: str) -> dict:
    """The values that save_file wrote. Raises CheckpointError for any other file."""
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; vad-score train writes it")
    try:
        # Pickles of other programs warn, and then fail anyway.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # hostile or damaged bytes end in many kinds of error, no help to a reader
        raise CheckpointError(
            f"{path} is damaged or not a {kind} of vad-score ({type(error).__name__} while reading); "
            "train again or copy it again"
        ) from None
    if not isinstance(values, dict) or values.get("format") != f"vad-score {kind}":
        raise CheckpointError(f"{path} is not a {kind} of vad-score but a file of another program")
    if values.get("format_version") != FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has format {values.get('format_version')!r}, this version reads {FORMAT_VERSION}"
        )
    return values
