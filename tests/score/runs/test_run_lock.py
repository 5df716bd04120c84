"""One training at a time in a folder."""

import os
import signal
import subprocess
import sys

import pytest

from score.runs.checkpoint_error import CheckpointError
from score.runs.run_lock import LOCK, locked

HOLD = """
import sys, time
from pathlib import Path
from score.runs.run_lock import locked
with locked(Path(sys.argv[1]), work="training"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_one_is_refused_by_the_name_of_the_first_and_may_come_after_it(tmp_path):
    run = tmp_path / "run"
    with locked(run, work="training"):
        for _ in range(2):  # a refused one leaves the lock as it is
            with pytest.raises(
                CheckpointError, match=f"another training is running .*process {os.getpid()} on"
            ):
                with locked(run, work="training"):
                    pass
        (run / "seed_0").mkdir()
    with locked(run, work="training"):
        assert (run / LOCK).is_file()
    assert [path.name for path in run.iterdir()] == ["seed_0"]


def test_a_folder_in_which_nothing_was_written_is_gone_again(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "run", work="training"):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_the_lock_is_not_written_through_a_link(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / LOCK).symlink_to(tmp_path / "mine.txt")
    with pytest.raises(OSError), locked(tmp_path, work="training"):
        pass
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.slow
def test_a_killed_training_holds_no_lock(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"held\n"
    with pytest.raises(CheckpointError, match=f"process {child.pid} on"), locked(tmp_path, work="training"):
        pass
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert (tmp_path / LOCK).is_file()
    with locked(tmp_path, work="training"):
        pass
