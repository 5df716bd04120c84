"""The browser of the other tests notices what it is there for."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PAGE = "<!DOCTYPE html><title>t</title><meta name=viewport content=width=device-width><body>{}</body>"
WAYS_OUT = """<img src="https://example.org/a.png">
<script>new WebSocket("wss://example.org/b"); fetch("https://example.org/c")</script>"""


def write(tmp_path, body):
    path = tmp_path / "page.html"
    path.write_text(PAGE.format(body))
    return path


def test_a_page_that_is_whole_has_nothing_to_complain_of(visit, tmp_path):
    seen = visit(write(tmp_path, "<p>fine</p>"))
    assert (seen.errors, seen.left, seen.overflow) == ([], [], 0) and len(seen.loaded) == 1


@pytest.mark.parametrize("width", [390, 1280])
def test_what_is_wider_than_the_window_is_noticed(visit, tmp_path, width):
    assert visit(write(tmp_path, f'<div style="width:{width + 100}px">x</div>'), width=width).overflow > 50


def test_every_way_out_of_a_page_is_noticed(visit, tmp_path):
    seen = visit(write(tmp_path, WAYS_OUT))
    seen.page.wait_for_timeout(100)
    assert {address.rsplit("/", 1)[1] for address in seen.left} == {"a.png", "b", "c"} and seen.errors


def test_errors_of_scripts_and_of_the_console_are_noticed(visit, tmp_path):
    seen = visit(write(tmp_path, "<script>console.error('first'); throw Error('second')</script>"))
    assert any("first" in error for error in seen.errors) and any("second" in error for error in seen.errors)


def test_dark_is_dark(visit, tmp_path):
    page = write(tmp_path, "x")
    dark = "matchMedia('(prefers-color-scheme: dark)').matches"
    assert [visit(page, dark=wanted).page.evaluate(dark) for wanted in (False, True)] == [False, True]


@pytest.mark.parametrize("required, outcome", [("", "skipped"), ("1", "error")])
def test_without_a_browser_tests_skip_or_fail_as_asked(tmp_path, required, outcome):
    (tmp_path / "test_page.py").write_text("def test_page(visit): pass\n")
    (tmp_path / "conftest.py").write_text("from tests.conftest import chromium, visit\n")
    root = Path(__file__).parents[2]
    paths = f"{root}:{root / 'tests'}"
    environment = {"PATH": "/nowhere", "VAD_REQUIRE_CHROMIUM": required, "PYTHONPATH": paths}
    command = [sys.executable, "-m", "pytest", "-qp", "no:cacheprovider", "--rootdir", ".", "test_page.py"]
    found = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert f"1 {outcome}" in found.stdout, found.stdout + found.stderr
