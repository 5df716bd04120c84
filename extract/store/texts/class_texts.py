"""The text matrix: a vector per class in the space of the features, with how it was made."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from extract.runtime.foreign.printable import printable
from extract.runtime.text import listed
from extract.store.spec import FeatureSpec

MOST_CLASSES = 10_000
WIDEST = 1 << 16
LONGEST_NAME = 1024  # characters
SHOWN = 5


def check_class_names(classes: Sequence[str]) -> None:
    """Raise ValueError unless these are different names that can be printed, 1 to MOST_CLASSES of them."""
    if not 1 <= len(classes) <= MOST_CLASSES:
        raise ValueError(f"there are {len(classes)} names of classes, expected 1 to {MOST_CLASSES}")
    for name in classes:
        if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME:
            raise ValueError(f"{name!r:.80} is no name of a class")
        if printable(name) != name:
            raise ValueError(f"the name {printable(name)!r:.80} has characters that nobody sees")
    if twice := sorted(name for name, count in Counter(classes).items() if count > 1):
        raise ValueError(f"a class stands there twice: {listed(twice, shown=SHOWN)}")


def digest_of(description: bytes, features: np.ndarray) -> str:
    """sha256:... of a description and vectors."""
    digest = hashlib.sha256(description)
    digest.update(f"{features.dtype.str} {list(features.shape)}".encode())
    digest.update(np.ascontiguousarray(features).tobytes())
    return f"sha256:{digest.hexdigest()}"


@dataclass(frozen=True, eq=False)
class ClassTexts:
    """A vector per class. Two of these are equal if their digests are.

    classes: C different names. features: float32 [C, D], finite, no row of zeros.

    prompts: the texts of each class; () for a matrix of somebody else. preset: "" for one of somebody else.
    text_weights: digest of the network that read the texts. image_weights: digest that features of the same
    file of weights carry as `weights` in their spec; both "" if nobody knows.

    Raises ValueError for values that do not fit each other.
    """

    classes: tuple[str, ...]
    features: np.ndarray
    prompts: tuple[tuple[str, ...], ...] = ()
    preset: str = ""
    text_weights: str = ""
    image_weights: str = ""

    def __post_init__(self):
        check_class_names(self.classes)
        count, shape = len(self.classes), self.features.shape
        if self.features.ndim != 2 or shape[0] != count or not 1 <= shape[1] <= WIDEST:
            raise ValueError(f"vectors of shape {list(shape)} for {count} classes, expected [{count}, D]")
        if self.features.dtype != np.float32 or not np.isfinite(self.features).all():
            raise ValueError("the vectors are not finite numbers of float32")
        if zeros := [name for name, row in zip(self.classes, self.features, strict=True) if not row.any()]:
            raise ValueError(f"vectors of zeros, which have no direction, for {listed(zeros, shown=SHOWN)}")
        if self.prompts and (len(self.prompts) != count or not all(self.prompts)):
            raise ValueError(f"prompts for {len(self.prompts)} classes, expected some for each of {count}")
        for word in (self.preset, self.text_weights, self.image_weights):
            if printable(word) != word or len(word) > LONGEST_NAME:
                raise ValueError(f"{printable(word)!r:.80} is no preset and no digest of weights")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClassTexts) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def description(self) -> bytes:
        """Everything but the vectors, as JSON."""
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "features"}
        return json.dumps(values, sort_keys=True).encode()

    @cached_property
    def digest(self) -> str:
        """sha256:... of everything, by which files, runs and checkpoints know them."""
        return digest_of(self.description, self.features)

    @property
    def feature_dim(self) -> int:
        return self.features.shape[1]

    def rows(self, classes: Sequence[str]) -> np.ndarray:
        """float32 [len(classes), D] in the order of these classes. Raises ValueError with those it lacks."""
        if missing := [name for name in classes if name not in self.classes]:
            raise ValueError(
                f"no text for {listed(missing, shown=SHOWN)}; there are texts for "
                f"{listed(self.classes, shown=2 * SHOWN)}"
            )
        return self.features[[self.classes.index(name) for name in classes]]

    def mismatch(self, spec: FeatureSpec) -> str | None:
        """Why features of a spec cannot be compared with these texts; None if they can, or nobody knows."""
        if spec.feature_dim != self.feature_dim:
            return f"texts have {self.feature_dim} numbers and features {spec.feature_dim}"
        if self.image_weights and spec.weights and not spec.imported and self.image_weights != spec.weights:
            return f"texts belong to the weights {self.image_weights}, features were made with {spec.weights}"
        return None
