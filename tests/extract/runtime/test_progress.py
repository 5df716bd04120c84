"""The progress of a run: a line now and then in a log, a bar that fits on a terminal."""

import os
import pty
import re
import subprocess
import sys

import pytest

from extract.runtime import progress as progress_module
from extract.runtime.progress import Progress


def test_a_line_says_what_was_done_and_what_is_left(monkeypatch):
    progress = Progress(total=8, live=False, done=1, failed=1, frames=500, wait_seconds=4, device_seconds=1)
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: progress.started + 10)
    expected = "2/8 videos, 1 failed, 50 frames/s, waiting for decoder 40%, device 10%, 0:30 left"
    assert progress.line() == expected
    progress.total = 2000
    assert progress.line().endswith("2:46:30 left")


def test_nothing_is_left_to_say_before_the_first_video():
    assert "left" not in Progress(total=8, live=False).line()


def test_a_log_gets_a_line_now_and_then(capsys, monkeypatch):
    progress = Progress(total=8, live=False)
    for _ in range(3):
        progress.show()
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress_module, "QUIET_SECONDS", 0.0)
    progress.show()
    progress.show(final=True)
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and said.err.startswith("0/8 videos")


PROGRAM = """
import sys, time
from extract.runtime import progress
progress.LIVE_SECONDS = 0
shown = progress.Progress(total=3)
for done in range(3):
    shown.done = done
    shown.show()
    if done == 1:
        print("a result")
        print("a remark", file=sys.stderr)
shown.show(final=True)
"""


@pytest.mark.parametrize("columns", [100, 40])
def test_a_terminal_gets_a_bar_that_fits_and_goes_away(columns):
    master, slave = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=slave, env=environment, check=True
    )
    os.close(slave)
    shown = os.read(master, 1 << 16).decode()
    os.close(master)
    assert done.stdout == b"a result\n"
    assert "2/3 videos" in shown and "a remark" in shown
    lines = [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line) for line in re.split(r"[\r\n]+", shown)]
    assert max(map(len, lines)) <= columns
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # the cursor is visible again
    assert shown.endswith("\x1b[2K")  # the bar is erased
