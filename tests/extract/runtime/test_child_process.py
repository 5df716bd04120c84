"""Fresh interpreters: they load nothing of their parent, inherit what they are given, and end with it."""

import os
import signal
import subprocess
import sys
import time

import pytest

from extract.runtime.child_process import _without_secrets, clean_environment, how_it_ended, start_child
from support.processes import is_alive

CHILD = """
import os, sys, time
def main(connection, *files):
    answers = {
        "modules": lambda: sorted(sys.modules),
        "threads": lambda: os.environ.get("OMP_NUM_THREADS"),
        "files": lambda: [os.read(file, 5) for file in files],
        "sleep": lambda: time.sleep(60),
    }
    while (word := connection.recv()) != "end":
        connection.send(answers[word]())
"""


@pytest.fixture
def child_module(tmp_path, monkeypatch):
    (tmp_path / "small_child.py").write_text(CHILD)
    monkeypatch.syspath_prepend(tmp_path)
    return "small_child"


def test_a_child_is_a_fresh_interpreter_that_inherits_files(child_module, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    (tmp_path / "file").write_text("given")
    file = os.open(tmp_path / "file", os.O_RDONLY)
    process, connection = start_child(child_module, file, one_thread=True)
    os.close(file)
    answers = {}
    for word in ("modules", "threads", "files"):
        connection.send(word)
        answers[word] = connection.recv()
    connection.send("end")
    assert not {"pytest", "numpy", "torch"} & set(answers["modules"])
    assert answers["threads"] == "1" and answers["files"] == [b"given"]
    assert process.wait() == 0 and how_it_ended(0) == "ended with exit code 0"


def test_a_child_leaves_ctrl_c_to_its_parent_and_names_its_end(child_module):
    process, connection = start_child(child_module)
    connection.send("threads")
    connection.recv()
    process.send_signal(signal.SIGINT)
    connection.send("threads")
    connection.recv()
    process.kill()
    assert how_it_ended(process.wait()) == "was killed by SIGKILL"
    assert how_it_ended(None) == "closed its connection"


def test_a_childs_output_goes_to_the_given_file(child_module, tmp_path):
    with open(tmp_path / "log", "wb") as log:
        process, connection = start_child(child_module, output=log.fileno())
    connection.close()
    assert process.wait() == 1 and "EOFError" in (tmp_path / "log").read_text()


def test_a_child_that_is_busy_dies_with_a_parent_that_is_killed(child_module, tmp_path):
    program = (
        "import sys, time; sys.path[:0] = sys.argv[2:]\n"
        "from extract.runtime.child_process import start_child\n"
        "process, connection = start_child(sys.argv[1])\n"
        "connection.send('threads'); connection.recv(); connection.send('sleep')\n"
        "print(process.pid, flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", program, child_module, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 60
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_alive(child)


def test_no_child_gets_the_webhook_even_with_the_whole_environment(monkeypatch):
    monkeypatch.setenv("VAD_WEBHOOK", "https://h/secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "key")
    assert (
        "AWS_SECRET_ACCESS_KEY" in _without_secrets() and "AWS_SECRET_ACCESS_KEY" not in clean_environment()
    )
    assert "VAD_WEBHOOK" not in _without_secrets() | clean_environment()
