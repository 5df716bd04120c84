"""Fixtures for several tests: the shared data, a browser, and a random state that no test leaks."""

import os
import random
import sys
from contextlib import ExitStack
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


@pytest.fixture(autouse=True, scope="session")
def own_ledger(tmp_path_factory):
    """What tests have made and probed is not recorded in the user's own folder, but in the one given."""
    from extract.runtime.foreign.ledger import LEDGER

    folder = tmp_path_factory.mktemp("ledger")
    with pytest.MonkeyPatch.context() as patch:
        # Not XDG_CACHE_HOME, in which browsers, fonts and weights lie, too.
        patch.setattr(LEDGER, "_folder", lambda: folder)
        yield folder


@pytest.fixture(autouse=True)
def restored_random_state():
    """Seeds set by one test must not affect another."""
    states = random.getstate(), np.random.get_state()
    yield
    random.setstate(states[0])
    np.random.set_state(states[1])


@pytest.fixture(autouse=True)
def ordinary_scheduling():
    """No test leaves real-time priority behind, with which one busy process would starve all others."""
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    before = os.sched_getscheduler(0)
    yield
    if (after := os.sched_getscheduler(0)) != before:
        os.sched_setscheduler(0, before, os.sched_param(0))
        pytest.fail(f"a library changed the scheduling policy of this process from {before} to {after}")


@pytest.fixture(autouse=True)
def restored_main():
    """Streamlit's test driver leaves its page as __main__, which processes started later would import."""
    program = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = program


@pytest.fixture(scope="module")
def chromium():
    """A running headless Chromium; tests of pages skip without one (see tests/support/browser.py)."""
    if not os.environ.get("VAD_REQUIRE_CHROMIUM"):
        pytest.importorskip("playwright", reason="needs playwright (extra test)")
    from support.browser import running_chromium

    with running_chromium() as browser:
        yield browser


@pytest.fixture
def visit(chromium):
    """Opens a page until the test ends: visit(path, width=1280, height=900, dark=False) ->
    support.browser.Visit."""
    from support.browser import visiting

    with ExitStack() as stack:
        yield lambda path, **window: stack.enter_context(visiting(chromium, path, **window))


def pytest_collection_modifyitems(items):
    for item in items:
        # This hook runs before pytest's own, which selects by marker: -m "not slow" needs no browser.
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
    # Files with slow tests come first: a long one that starts last would leave the other cores idle.
    slow_files = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow_files)
    cuda = [item for item in items if item.get_closest_marker("cuda")]
    if not cuda or os.environ.get("VAD_REQUIRE_CUDA"):
        return
    import torch

    if not torch.cuda.is_available():
        for item in cuda:
            item.add_marker(pytest.mark.skip(reason="needs a GPU"))
