"""Which versions of packages computed a number: kept in feature files and checkpoints, printed by doctor."""

from __future__ import annotations

import functools
import platform
from importlib import metadata

EXTRACTION = (
    "vad-pipeline",
    "torch",
    "torchvision",
    "pytorchvideo",
    "numpy",
    "h5py",
    "decord",
    "av",
    "opencv-contrib-python-headless",
    "numba",
)
TRAINING = ("vad-pipeline", "torch", "numpy")
EVALUATION = ("vad-pipeline", "numpy", "scikit-learn")


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Package -> installed version, or "not installed"; and Python's own version."""
    return {**{package: version(package) for package in packages}, "python": platform.python_version()}


def training_versions() -> dict[str, str]:
    """The versions of TRAINING. That of torch names its build too, such as +cpu or +cu130."""
    import torch

    # Metadata of the package may lack the build; only torch's own string always names it.
    return {**versions(TRAINING), "torch": str(torch.__version__)}


@functools.cache
def version(package: str) -> str:
    """The installed version of one package, or "not installed"."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
