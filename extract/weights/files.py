"""Where weight files are searched: VAD_WEIGHTS_DIR, our cache, PyTorch's cache."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from extract.weights.known import KNOWN, KnownWeights


def cache_folder() -> Path:
    """Where fetched files go: vad-pipeline/weights below XDG_CACHE_HOME, or below ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "vad-pipeline" / "weights"


def searched_folders() -> list[Path]:
    """The folders in the order of the search."""
    own = os.environ.get("VAD_WEIGHTS_DIR")
    return ([Path(own)] if own else []) + [cache_folder(), Path(torch.hub.get_dir()) / "checkpoints"]


def locate(known: KnownWeights) -> tuple[Path, KnownWeights] | None:
    """(path, weights) of the first file found for these weights or for others with the same tensors."""
    candidates = [known] + [other for other in KNOWN.values() if other.same_as == known.name]
    for folder in searched_folders():
        for candidate in candidates:
            for file_name in candidate.file_names:
                if (folder / file_name).is_file():
                    return folder / file_name, candidate
    return None


def found_weights() -> list[str]:
    """Names of the known weights whose file is on this machine."""
    return [name for name, known in KNOWN.items() if locate(known)]
