"""Versions as feature files and checkpoints keep them."""

import platform
from importlib import metadata

import torch

from extract.runtime.versions import EXTRACTION, TRAINING, training_versions, versions


def test_versions_are_those_that_are_installed():
    found = versions(EXTRACTION)
    assert found["numpy"] == metadata.version("numpy") and found["python"] == platform.python_version()
    assert list(found) == [*EXTRACTION, "python"]


def test_the_version_of_torch_in_checkpoints_names_its_build():
    found = training_versions()
    assert found["torch"] == torch.__version__ and list(found) == [*TRAINING, "python"]


def test_a_missing_package_is_reported():
    assert versions(("no-such-package",)) == {
        "no-such-package": "not installed",
        "python": platform.python_version(),
    }
