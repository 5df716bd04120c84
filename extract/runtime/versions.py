"""Which versions of packages computed a number: kept in feature files and checkpoints, printed by doctor."""

from __future__ import annotations

import functools
import platform
import re
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
NOT_INSTALLED = "not installed"


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Package -> installed version, or "not installed"; and Python's own version."""
    return {**{package: version(package) for package in packages}, "python": platform.python_version()}


def training_versions() -> dict[str, str]:
    """The versions of TRAINING. That of torch names its build too, such as +cpu or +cu130."""
    import torch

    # Metadata of the package may lack the build; only torch's own string always names it.
    return {**versions(TRAINING), "torch": str(torch.__version__)}


def check_version(package: str, least: str, *, extra: str, why: str) -> None:
    """Raise ValueError for an optional package that is older. why: what it lacks. extra: what installs it."""
    found = version(package)
    if _numbers(found) < _numbers(least):
        raise ValueError(
            f"{package} {found} is too old: {why} came with {least}; pip install -U 'vad-pipeline[{extra}]'"
        )


def _numbers(text: str) -> list[int]:
    """The numbers of a version before any letters: 2, 52, 0 of 2.52.0rc1."""
    return [int(part) for part in re.split(r"[^0-9.]", text)[0].split(".") if part]


@functools.cache
def version(package: str) -> str:
    """The installed version of one package, or "not installed"."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return NOT_INSTALLED
