"""Fixtures that several tests use: the shared data, and no test that leaks its random state."""
import os
import random
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def test_data() -> Path:
    """The folder of real videos and lists; tests that need it skip without VAD_TEST_DATA."""
    folder = os.environ.get("VAD_TEST_DATA")
    if not folder:
        pytest.skip("needs the shared test data: set VAD_TEST_DATA to its folder")
    return Path(folder).resolve()


@pytest.fixture(autouse=True)
def restored_random_state():
    """Seeds set by one test must not decide another."""
    states = random.getstate(), np.random.get_state()
    yield
    random.setstate(states[0])
    np.random.set_state(states[1])


def pytest_collection_modifyitems(items):
    cuda = [item for item in items if item.get_closest_marker("cuda")]
    if not cuda or os.environ.get("VAD_REQUIRE_CUDA"):
        return
    import torch

    if not torch.cuda.is_available():
        for item in cuda:
            item.add_marker(pytest.mark.skip(reason="needs a GPU"))
