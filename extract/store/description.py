"""store.json, and the same text in a packed store: the spec, and the batch shape of the network."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extract.runtime.foreign.foreign_error import one_line
from extract.runtime.foreign.printable import printable
from extract.store.file_header import FORMAT_VERSION, READABLE
from extract.store.spec import FeatureSpec
from extract.store.stored_digest import digest_of_texts
from extract.store.video_features import StoreError

MOST_AXES, LARGEST_AXIS = 8, 10**9
FIELDS = {
    1: {"format_version", "spec", "batch_shape"},
    2: {"format_version", "spec", "batch_shape", "digest"},
}


@dataclass(frozen=True)
class Description:
    """What a store says of itself.

    batch_shape: of the network's input, None if it has none. format_version: of the text that was read.
    """

    spec: FeatureSpec
    batch_shape: tuple[int, ...] | None
    format_version: int = FORMAT_VERSION

    def to_text(self) -> str:
        values: dict[str, Any] = {
            "format_version": FORMAT_VERSION,
            "spec": json.loads(self.spec.to_json()),
            "batch_shape": self.batch_shape,
        }
        return json.dumps(values | {"digest": _digest(values)}, indent=1, sort_keys=True)

    @classmethod
    def from_text(cls, text: str, path: Path | str) -> Description:
        """Raises StoreError, which names the path, for another format and for any other text."""
        try:
            return cls._from_values(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise StoreError(
                f"{printable(str(path))} does not describe a feature store: {one_line(error)}"
            ) from None

    @classmethod
    def _from_values(cls, values: Any) -> Description:
        if not isinstance(values, dict):
            raise ValueError("it is no JSON object")
        version = values.get("format_version")
        if type(version) is not int or version not in READABLE:
            raise ValueError(f"it has format {version!r}, this version reads {FORMAT_VERSION}")
        if values.keys() != FIELDS[version]:
            raise ValueError(
                f"it has {', '.join(sorted(values))}, expected {', '.join(sorted(FIELDS[version]))}"
            )
        if version >= 2 and values.pop("digest") != _digest(values):
            raise ValueError("it does not fit its digest; it was changed after it was written")
        shape = values["batch_shape"]
        if shape is not None and not (
            isinstance(shape, list) and len(shape) <= MOST_AXES and all(map(_is_size, shape))
        ):
            raise ValueError(f"batch_shape is {json.dumps(shape)[:80]}, expected whole numbers above 0")
        spec = FeatureSpec.from_json(json.dumps(values["spec"]))
        return cls(spec, None if shape is None else tuple(shape), version)


def short(error: BaseException) -> str:
    """An error in a few words: the system's for its own, otherwise one line."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return one_line(error)


def _digest(values: dict[str, Any]) -> str:
    return digest_of_texts([json.dumps(values, sort_keys=True)])


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 < value <= LARGEST_AXIS
