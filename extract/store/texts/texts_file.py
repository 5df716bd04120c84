"""Files of class texts: ours (HDF5), and an .npy matrix of somebody else with a file of names."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from extract.runtime.atomic import write_bytes
from extract.runtime.foreign.arrays import read_npy
from extract.runtime.foreign.foreign_error import ForeignFileError, reading
from extract.runtime.foreign.hdf5_files import attribute, dataset_of, open_hdf5, read_dataset
from extract.runtime.foreign.regular_file import check_regular
from extract.runtime.foreign.sandbox import in_sandbox
from extract.runtime.foreign.text_files import read_text
from extract.store.texts.class_texts import MOST_CLASSES, WIDEST, ClassTexts, check_class_names, digest_of

KIND = "class texts"
MARK = f"vad-pipeline {KIND}"  # the attribute "kind" of our files
FORMAT_VERSION = 1
LARGEST_DESCRIPTION = 1 << 27  # bytes; more than the longest names and prompts need as JSON
FIELDS = {"classes", "prompts", "preset", "text_weights", "image_weights"}


def write_class_texts(path: Path, texts: ClassTexts) -> None:
    """Write `features` float32 [C, D] and `description`, JSON of everything else as bytes. Raises OSError."""
    description = texts.description
    memory = io.BytesIO()  # HDF5 crashes when a disk fills
    with h5py.File(memory, "w") as file:
        # numbers of fixed length stand in the file's beginning, where other commands look for the mark
        file.attrs["kind"] = np.bytes_(MARK)
        file.attrs["format_version"] = FORMAT_VERSION
        file.attrs["digest"] = np.bytes_(texts.digest)
        file.create_dataset("description", data=np.frombuffer(description, np.uint8))
        file.create_dataset("features", data=texts.features)
    write_bytes(path, memory.getvalue())


def read_class_texts(path: Path | str, names: Path | str | None = None) -> ClassTexts:
    """The class texts of our file, or of an .npy matrix [C, D] of somebody else.

    names: for .npy a text file with a name per line, in the order of the rows; the file of the matrix with
    the suffix .txt if not given. Raises ForeignFileError.
    """
    path = Path(path)
    if path.suffix.lower() == ".npy":
        return _of_matrix(path, Path(names) if names is not None else path.with_suffix(".txt"))
    check_regular(path, expected=KIND)
    description, features, stated = in_sandbox(_content, path, kind=KIND)
    description = description.tobytes()
    if stated != digest_of(description, features):
        raise ForeignFileError(path, "is damaged: its content is not what its digest says")
    with reading(path, f"{KIND} (HDF5)"):
        return _texts(json.loads(description), features)


def _content(path: str) -> list:
    """Runs in the sandbox, because damage can crash HDF5: [description, features, digest]."""
    with open_hdf5(path, kind=KIND) as file:
        if not _is_ours(file):
            raise ForeignFileError(path, "holds no class texts; vad-extract text makes such files")
        version = attribute(file, "format_version", int)
        if version != FORMAT_VERSION:
            raise ForeignFileError(path, f"has format {version}, this version reads {FORMAT_VERSION}")
        description = _small(path, dataset_of(file, "description"), LARGEST_DESCRIPTION, kinds="u")
        features = _small(path, dataset_of(file, "features"), MOST_CLASSES * WIDEST, kinds="f")
        return [description, features, attribute(file, "digest", str)]


def read_names(path: Path | str) -> tuple[str, ...]:
    """Names of a text file, one a line; empty lines are left out. Raises ForeignFileError."""
    lines = (line.strip() for line in read_text(path).splitlines())
    return tuple(line for line in lines if line)


def _is_ours(file: h5py.File) -> bool:
    try:
        return attribute(file, "kind", str) == MARK
    except ForeignFileError:
        return False


def _of_matrix(path: Path, names: Path) -> ClassTexts:
    features = read_npy(path, kinds="f")
    if features.ndim != 2:
        raise ForeignFileError(path, f"has the shape {list(features.shape)}, expected [classes, D]")
    classes = read_names(names)
    if len(classes) != len(features):
        raise ForeignFileError(names, f"has {len(classes)} names for the {len(features)} rows of {path.name}")
    try:
        check_class_names(classes)
    except ValueError as error:
        raise ForeignFileError(names, str(error)) from None
    with reading(path, "a text matrix (.npy)"), np.errstate(over="ignore"):
        return ClassTexts(classes, features.astype(np.float32))


def _small(path: str, dataset: h5py.Dataset, largest: int, *, kinds: str) -> np.ndarray:
    if dataset.size is None or dataset.size > largest:
        raise ForeignFileError(path, f"holds {dataset.size} values where up to {largest} were expected")
    return read_dataset(dataset, kinds=kinds)


def _texts(values: Any, features: np.ndarray) -> ClassTexts:
    if not isinstance(values, dict) or set(values) != FIELDS:
        raise ValueError("its description has other fields")
    words = [values[name] for name in ("preset", "text_weights", "image_weights")]
    lists = [values["classes"], values["prompts"], *values["prompts"]]
    texts = [*words, *values["classes"], *(each for prompts in values["prompts"] for each in prompts)]
    if not all(isinstance(each, list) for each in lists) or not all(isinstance(each, str) for each in texts):
        raise ValueError("its description holds other values than texts")
    prompts = tuple(tuple(each) for each in values["prompts"])
    return ClassTexts(tuple(values["classes"]), features, prompts, *words)
