"""Secrets in the environment: taken once, and gone from what others see of the process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, subprocess, sys
from pathlib import Path
from extract.runtime.secret_variables import hold, pop_variable, take
hold()
assert take("VAD_WEBHOOK") == "geheim-1" and take("VAD_WEBHOOK") == ""
assert pop_variable("GATE") == "geheim-2" and pop_variable("GATE") == "" and "GATE" not in os.environ
assert os.environ["OTHER"] == "kept"
print(Path("/proc/self/environ").read_text("latin-1"))
print(subprocess.run(["env"], capture_output=True, text=True).stdout)
"""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_a_secret_that_was_taken_is_neither_in_the_process_list_nor_in_a_child():
    given = {**os.environ, "VAD_WEBHOOK": "geheim-1", "GATE": "geheim-2", "OTHER": "kept"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "geheim" not in done.stdout and done.stdout.count("OTHER=kept") == 2
