"""Versions as feature files and checkpoints keep them."""

import platform
from importlib import metadata

import pytest
import torch

from extract.runtime import versions as module
from extract.runtime.versions import EXTRACTION, TRAINING, check_version, training_versions, versions


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


@pytest.mark.parametrize("found", ["2.52", "2.52.0", "2.52.0rc1", "2.60.0", "3.0", "10.0.0+cpu"])
def test_a_version_that_is_new_enough_passes(found, monkeypatch):
    monkeypatch.setattr(module, "version", lambda _package: found)
    check_version("ray", "2.52", extra="ray", why="tokens")


@pytest.mark.parametrize("found", ["2.51.9", "2.6", "1.99", "not installed"])
def test_an_older_version_is_refused_with_what_to_do(found, monkeypatch):
    monkeypatch.setattr(module, "version", lambda _package: found)
    with pytest.raises(ValueError, match=f"ray {found} is too old: tokens came with 2.52; pip install -U"):
        check_version("ray", "2.52", extra="ray", why="tokens")
