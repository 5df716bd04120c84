"""Where weight files are searched: VAD_WEIGHTS_DIR, our cache, PyTorch's, CLIP's, installed packages."""

from __future__ import annotations

import os
from importlib import metadata
from pathlib import Path

import torch

from extract.weights.error import WeightsError
from extract.weights.known import KNOWN, KnownWeights

NO_HOME = (
    "there is no home folder to look for weights in; set VAD_WEIGHTS_DIR to the folder that holds them, "
    "or HOME to a folder that can be written to"
)


def cache_folder() -> Path:
    """Where fetched files go: vad-pipeline/weights below XDG_CACHE_HOME, or below ~/.cache.

    Raises WeightsError for a user without a home folder.
    """
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "vad-pipeline" / "weights"
    home = home_folder()
    if home is None:
        raise WeightsError(NO_HOME)
    return home / ".cache" / "vad-pipeline" / "weights"


def home_folder() -> Path | None:
    """The user's home; None where there is none (a container with an unknown user and no HOME)."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def searched_folders() -> list[Path]:
    """The folders in the order of the search. Raises WeightsError if there is none."""
    own = os.environ.get("VAD_WEIGHTS_DIR")
    found = [Path(own)] if own else []
    if os.environ.get("XDG_CACHE_HOME") or home_folder():
        found.append(cache_folder())
    if os.environ.get("TORCH_HOME") or os.environ.get("XDG_CACHE_HOME") or home_folder():
        found.append(Path(torch.hub.get_dir()) / "checkpoints")
    if (home := home_folder()) is not None:
        found.append(home / ".cache" / "clip")  # where openai/CLIP and OpenCLIP put what they fetch
    if not found:
        raise WeightsError(NO_HOME)
    return found


def locate(known: KnownWeights) -> tuple[Path, KnownWeights] | None:
    """(path, weights) of the first file found for these weights or for others with the same tensors."""
    candidates = [known] + [other for other in KNOWN.values() if other.same_as == known.name]
    for folder in searched_folders():
        for candidate in candidates:
            for file_name in candidate.file_names:
                if (folder / file_name).is_file():
                    return folder / file_name, candidate
    for candidate in candidates:
        if (path := packaged_file(candidate)) is not None:
            return path, candidate
    return None


def packaged_file(known: KnownWeights) -> Path | None:
    """The file inside its installed package, none of whose code runs; None if there is no such package."""
    if known.package is None:
        return None
    try:
        distribution = metadata.distribution(known.package)
    except metadata.PackageNotFoundError:
        return None
    path = Path(str(distribution.locate_file(f"{known.package_folder}/{known.file_names[0]}")))
    return path if path.is_file() else None


def found_weights() -> list[str]:
    """Names of the known weights whose file is on this machine."""
    return [name for name, known in KNOWN.items() if locate(known)]
