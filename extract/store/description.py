"""store.json, and the same text in a packed store: the spec, and the batch shape of the network."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from extract.store.hdf5_group import FORMAT_VERSION
from extract.store.spec import FeatureSpec
from extract.store.video_features import StoreError


@dataclass(frozen=True)
class Description:
    """What a store says of itself. batch_shape: of the network's input, None if it has none."""

    spec: FeatureSpec
    batch_shape: tuple[int, ...] | None

    def to_text(self) -> str:
        values = {
            "format_version": FORMAT_VERSION,
            "spec": json.loads(self.spec.to_json()),
            "batch_shape": self.batch_shape,
        }
        return json.dumps(values, indent=1, sort_keys=True)

    @classmethod
    def from_text(cls, text: str | None, path: Path | str) -> Description:
        """Raises StoreError, which names the path, for another format and for any other text."""
        try:
            values = json.loads(text or "")
            if values["format_version"] != FORMAT_VERSION:
                raise StoreError(
                    f"{path} has format {values['format_version']}, this version reads {FORMAT_VERSION}"
                )
            shape = values["batch_shape"]
            spec = read_spec(json.dumps(values["spec"]), path)
            return cls(spec, None if shape is None else tuple(shape))
        except (TypeError, KeyError, ValueError) as error:
            raise StoreError(f"{path} does not describe a feature store: {short(error)}") from None


def read_spec(text: str | None, path: Path | str) -> FeatureSpec:
    """The spec in a store or a file. Raises StoreError."""
    try:
        return FeatureSpec.from_json(text or "")
    except (TypeError, ValueError) as error:
        raise StoreError(f"{path} holds no readable spec: {short(error)}") from None


def short(error: BaseException) -> str:
    """An error in a few words: the system's for its own, otherwise the first line."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error).splitlines()[0] if str(error) else type(error).__name__
