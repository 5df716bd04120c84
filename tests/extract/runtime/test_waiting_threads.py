"""Threads that wait for each other sleep soon, in commands and their children, unless the user sets it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from extract.runtime.waiting_threads import OF_THE_USER, SPINS, wait_asleep

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"GOMP_SPINCOUNT": SPINS}),
        ({"GOMP_SPINCOUNT": "7"}, {"GOMP_SPINCOUNT": "7"}),
        ({"OMP_WAIT_POLICY": "active"}, {"OMP_WAIT_POLICY": "active"}),
        ({"OMP_NUM_THREADS": "2"}, {"OMP_NUM_THREADS": "2", "GOMP_SPINCOUNT": SPINS}),
    ],
)
def test_a_setting_of_the_user_stays(before, after):
    environment = dict(before)
    wait_asleep(environment)
    assert environment == after


def spins_of_torch(program: str, **settings: str) -> set[str]:
    """How often threads of torch's OpenMP look before they sleep, as that library itself says."""
    environment = {name: value for name, value in os.environ.items() if name not in OF_THE_USER}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**environment, "OMP_DISPLAY_ENV": "VERBOSE", "PYTHONPATH": str(ROOT), **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in done.stderr.splitlines() if "GOMP_SPINCOUNT" in line]
    return {line.split("'")[1] for line in lines}


IMPORTS = "import torch"
A_COMMAND = "from extract.cli import main; main(['doctor'])"
A_CHILD = """
from extract.runtime.child_process import clean_environment
from extract.runtime.waiting_threads import wait_asleep
import subprocess, sys
wait_asleep()
subprocess.run([sys.executable, "-c", "import torch"], env=clean_environment(), check=True)
"""


@pytest.mark.slow
def test_torch_itself_sees_it_in_commands_and_children():
    alone = spins_of_torch(IMPORTS)
    if not alone:
        pytest.skip("torch uses another OpenMP than GNU's here")
    assert SPINS not in alone
    assert spins_of_torch(A_COMMAND) == {SPINS}
    assert spins_of_torch(A_CHILD) == {SPINS}
    assert spins_of_torch(A_COMMAND, GOMP_SPINCOUNT="77") == {"77"}
