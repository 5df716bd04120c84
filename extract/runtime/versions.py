"""Which versions made a number: kept in every feature file, printed by doctor."""

from __future__ import annotations

import functools
import platform
from importlib import metadata

PACKAGES = (
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


@functools.cache
def versions() -> dict[str, str]:
    """Package -> installed version ("absent" where there is none), and Python's own."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "absent"
    return found
