"""Files of plain values and tensors, which torch.load(weights_only=True) reads without running any code.

Since format 2 a file holds a digest of all its values: a ZIP archive as torch reads it would load with other
numbers after most changes of a byte. Files of format 1 have none and stay readable.
"""

from __future__ import annotations

import io
from pathlib import Path

import torch

from extract.runtime.atomic import write_bytes
from extract.runtime.foreign.foreign_error import ForeignFileError, one_line
from extract.runtime.foreign.tensor_files import read_tensors
from score.runs.checkpoint_error import CheckpointError, DamagedFile
from score.runs.content_digest import content_digest

FORMAT_VERSION = 2
WITHOUT_DIGEST = 1  # the last version of files without a digest
DAMAGED = "train again or copy it again"


def save_file(values: dict, path: Path, kind: str, *, durable: bool = True) -> None:
    """Write values atomically. kind: such as "checkpoint". durable: survives a power cut; slower."""
    content = {"format": f"vad-score {kind}", "format_version": FORMAT_VERSION, **values}
    content["digest"] = content_digest(content)
    # In memory first: torch makes an error without a name of a full disk, and writes the name of a path into
    # the archive.
    archive = io.BytesIO()
    torch.save(content, archive)
    write_bytes(path, archive.getbuffer(), durable=durable)


def load_file(path: Path | str, kind: str) -> dict:
    """The values that save_file wrote.

    Raises DamagedFile for changed values, CheckpointError for any other file.
    """
    path = Path(path)
    try:
        values = read_tensors(path, kind=f"a {kind} of vad-score")
    except ForeignFileError as error:
        advice = "vad-score train writes it" if not path.exists() else DAMAGED
        raise DamagedFile(f"{error}; {advice}") from None
    if not isinstance(values, dict) or values.get("format") != f"vad-score {kind}":
        raise CheckpointError(f"{path} is not a {kind} of vad-score but a file of another program")
    version = values.get("format_version")
    if version not in (WITHOUT_DIGEST, FORMAT_VERSION) or isinstance(version, bool):
        raise CheckpointError(
            f"{path} has format {one_line(ValueError(repr(version)))}, this version reads "
            f"{WITHOUT_DIGEST} and {FORMAT_VERSION}"
        )
    if (version == FORMAT_VERSION) != ("digest" in values):
        raise DamagedFile(f"{path} is damaged: its digest does not go with its format; {DAMAGED}")
    if version == FORMAT_VERSION:
        stated = values.pop("digest")
        try:
            found = content_digest(values)
        except (ValueError, RuntimeError, MemoryError) as error:
            raise DamagedFile(f"{path} is damaged: {one_line(error)}; {DAMAGED}") from None
        if found != stated:
            raise DamagedFile(f"{path} is damaged: its values have another digest than it states; {DAMAGED}")
    return values
