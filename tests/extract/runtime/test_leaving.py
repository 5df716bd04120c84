"""A process that is done leaves at once: what was promised for its end happens, and nothing else."""

import os
import subprocess
import sys

import pytest

from extract.runtime.child_process import start_child

PROGRAM = """
import atexit, sys, threading, time
from extract.runtime.stopping import leave
class Thing:
    def __del__(self):
        print("taken apart")
thing = Thing()
atexit.register(print, "exit function")
print("work")
{before}
leave(3)
print("went on")
"""
THREAD = "threading.Thread(target=lambda: (time.sleep(0.5), print('thread'))).start()"
AT_ONCE = ["work", "exit function"]
AS_USUAL = ["work", "went on", "exit function", "taken apart"]


def lines(before=""):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(before=before)], stdout=subprocess.PIPE, text=True, check=False
    )
    return done.returncode, done.stdout.split("\n")[:-1]


def test_buffered_lines_and_exit_functions_come_before_the_end():
    assert lines() == (3, AT_ONCE)


def test_a_thread_finishes_its_work_unless_it_is_a_daemon():
    code, printed = lines(THREAD)
    assert code == 0 and set(printed) == {*AS_USUAL, "thread"}
    assert lines(THREAD.replace("target", "daemon=True, target")) == (3, AT_ONCE)


# cProfile registers with sys.monitoring from Python 3.12 on.
TOOLS = [
    "sys.setprofile(lambda *_: None)",
    "sys.settrace(lambda *_: None)",
    "import cProfile; cProfile.Profile().enable()",
]


@pytest.mark.parametrize("tool", TOOLS)
def test_profilers_and_debuggers_see_the_end_of_the_program(tool):
    code, printed = lines(tool)
    assert code == 0 and printed[:3] == AS_USUAL[:3]


def test_a_reader_that_went_away_is_reported_as_python_does():
    code = "import sys, extract.runtime.stopping as s; sys.stdin.read(1); print('lost'); s.leave(3)"
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=-1, stdout=-1, stderr=-1, env=buffered
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.communicate(b"x")
    assert process.returncode == 120


def test_a_child_process_leaves_at_once_too(tmp_path, monkeypatch):
    (tmp_path / "leaving_child.py").write_text(
        "import sys\nclass Thing:\n    def __del__(self): print('taken apart')\n"
        "sys.thing = Thing()\ndef main(connection): print('work')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with open(tmp_path / "output", "w+") as output:
        process, _connection = start_child("leaving_child", output=output.fileno())
        assert process.wait() == 0
    assert (tmp_path / "output").read_text() == "work\n"


def test_torch_is_imported_without_a_collection_of_cycles_and_later_cycles_are_collected():
    code = (
        "import gc, weakref\n"
        "from extract.runtime.device import import_torch\n"
        "before = sum(each['collections'] for each in gc.get_stats())\n"
        "import_torch()\n"
        "print(sum(each['collections'] for each in gc.get_stats()) - before, gc.isenabled())\n"
        "class Node: pass\n"
        "node = Node(); node.itself = node; seen = weakref.ref(node); del node; gc.collect(); print(seen())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "True", "None"]
