"""Loading weights into a backbone, and the digest that identifies their numbers."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from extract.backbones.backbone import PublishedNetwork
from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.regular_file import check_regular
from extract.weights.dialects import fit, published_state, read_state
from extract.weights.digests import check_file
from extract.weights.error import WeightsError
from extract.weights.fetch import Progress, fetch
from extract.weights.files import locate
from extract.weights.known import check_file_name, known_weights, unknown_choice
from extract.weights.untrained import fill_random


def load_weights(
    backbone: PublishedNetwork,
    choice: str | Path,
    *,
    name: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> str:
    """Fill a backbone and return the digest of its weights for the feature spec.

    choice: "none" for random weights of a seed, a name or an alias of known weights (fetched if no folder has
    them), or the path of a file in any known dialect. name: key of BACKBONES if it is not the backbone's own.
    Equal numbers have equal digests, whatever the dialect of the file. Raises WeightsError.
    """
    if str(choice) == "none":
        fill_random(backbone, seed)
        return f"none:seed{seed}"
    path = weights_file(choice, backbone=name or backbone.name, progress=progress)
    fit(backbone, read_state(path), origin=str(path))
    return state_digest(backbone)


def weights_file(choice: str | Path, *, backbone: str | None, progress: Progress | None = None) -> Path:
    """The file that a choice stands for; known files are verified each time. Raises WeightsError."""
    known = known_weights(str(choice), backbone)
    if known is None:
        return chosen_file(choice, backbone)
    found = locate(known)
    if found is None:
        return fetch(known, progress=progress)
    path, owner = found
    check_file(path, owner)
    return path


def chosen_file(choice: str | Path, backbone: str | None) -> Path:
    """The file that a choice names, which is no known name. Raises WeightsError if it is none that fits."""
    if not os.path.lexists(choice):
        raise unknown_choice(str(choice), backbone)
    try:
        check_regular(choice, expected="a file of weights")
    except ForeignFileError as error:
        raise WeightsError(str(error)) from None
    if backbone is not None:
        check_file_name(Path(choice).name, backbone)
    return Path(choice)


def state_digest(backbone: PublishedNetwork) -> str:
    """sha256 over names, types, shapes and bytes of the tensors that features depend on, in order of name."""
    digest = hashlib.sha256()
    for name, each in sorted(published_state(backbone).items()):
        # Files of one network differ in these, and its features do not depend on them.
        if name.startswith(backbone.classifier) or name.endswith("num_batches_tracked"):
            continue
        digest.update(f"{name} {each.dtype} {list(each.shape)}\n".encode())
        digest.update(each.detach().cpu().contiguous().numpy().tobytes())
    return f"sha256:{digest.hexdigest()}"
