"""What takes processors from a run: other programs, the host, the limit of a container."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from extract.runtime.machine import limits, machine_load
from extract.runtime.machine.machine_load import MachineLoad, Reading, limit_between, tree_seconds
from extract.runtime.progress import Progress
from support.video_corpus import write_video

ROOT = str(Path(__file__).resolve().parents[3])
CORES = len(os.sched_getaffinity(0))
START = Reading(seconds=0, busy=1000, stolen=10, idle=500, own=100, periods=70, stopped=30)


def later(**more: float) -> Reading:
    """Ten seconds of the wall after START: CORES * 10 seconds of processors."""
    names = {name: getattr(START, name) + change for name, change in more.items()}
    return replace(START, seconds=10, **names)


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        # (all programs, own, stolen, idle) as shares of the processors
        ((1.0, 1.0, 0.0, 0.0), ""),
        ((1.0, 0.5, 0.0, 0.0), f"other programs use {0.5 * CORES:.1f} of {CORES} cores"),
        ((1.0, 0.95, 0.0, 0.0), ""),  # an editor or a browser
        ((0.7, 0.3, 0.0, 0.3), ""),  # idle processors: nobody lacks any
        ((0.6, 0.6, 0.4, 0.0), f"the host takes {0.4 * CORES:.1f} of {CORES} cores"),
        (
            (0.7, 0.4, 0.3, 0.0),
            f"other programs use {0.3 * CORES:.1f} of {CORES} cores, "
            f"the host takes {0.3 * CORES:.1f} of {CORES} cores",
        ),
        ((0.5, 0.6, 0.0, 0.0), ""),  # counters tick at different moments
    ],
)
def test_shares_of_the_processors_decide(shares, said):
    busy, own, stolen, idle = (10 * CORES * share for share in shares)
    assert limit_between(START, later(busy=busy, own=own, stolen=stolen, idle=idle)) == said


@pytest.mark.parametrize(
    ("periods", "stopped", "said"),
    [
        (0, 0, ""),
        (100, 10, ""),
        (100, 45, "the container's limit of 1.5 cores is reached 45% of the time"),
    ],
)
def test_a_container_that_is_stopped_often_is_a_limit(periods, stopped, said):
    after = later(busy=10 * CORES, own=10 * CORES, periods=periods, stopped=stopped)
    assert limit_between(START, after, quota=1.5) == said


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("cpu.stat", "usage_usec 5\nnr_periods 40\nnr_throttled 9\nthrottled_usec 77\n", (40, 9)),
        ("cpu/cpu.stat", "nr_periods 50\nnr_throttled 3\nthrottled_time 99\n", (50, 3)),
        ("cpu.stat", "usage_usec 5\n", (0, 0)),
        ("cpu.stat", "nr_periods many\nnr_throttled 3\n", (0, 0)),
        ("other", "", (0, 0)),
    ],
)
def test_both_versions_of_cgroups_count_stopped_periods(tmp_path, monkeypatch, name, text, found):
    monkeypatch.setattr(limits, "CGROUP", tmp_path)
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    assert limits.throttled_periods() == found


def test_two_readings_of_this_machine_account_for_its_processors():
    first = Reading.now()
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        before = tree_seconds()
        while tree_seconds() - before < 0.3:
            pass
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    second = Reading.now()
    assert second.own >= first.own + 0.3 - 0.05  # a dead child still counts
    # ticks are a hundredth of a second on each of the processors
    passed = second.seconds - first.seconds
    accounted = second.busy + second.stolen + second.idle - first.busy - first.stolen - first.idle
    assert accounted == pytest.approx(passed * CORES, rel=0.25, abs=0.1 * CORES)


def test_a_system_that_hides_its_counters_limits_nothing(monkeypatch):
    monkeypatch.setattr(psutil, "PROCFS_PATH", "/nowhere")
    load = MachineLoad()
    assert Reading.now().busy == 0.0 and load.limit_of_all() == ""


def test_the_line_of_a_run_names_the_limit(monkeypatch):
    load = MachineLoad()
    monkeypatch.setattr(machine_load, "BETWEEN_SECONDS", 0.0)
    monkeypatch.setattr(Reading, "now", lambda: later(busy=10 * CORES, own=5 * CORES))
    load._before = START
    progress = Progress(total=8, live=False, done=1, load=load)
    assert f"device 0%, other programs use {0.5 * CORES:.1f} of {CORES} cores, " in progress.line()
    assert Progress(total=8, live=False, done=1).line().count("cores") == 0


@pytest.mark.slow
def test_the_end_of_a_run_names_busy_programs_beside_it(tmp_path):
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos" / "a.mp4", 300)
    program = (
        "import sys; from extract.commands import run; from extract.cli import main\n"
        "run.LONG_RUN = 0.0\nmain(sys.argv[1:])"
    )
    command = [sys.executable, "-c", program, "run", "--preset", "motion"]
    command += ["--videos", str(tmp_path / "videos"), "--store", str(tmp_path / "store")]
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * CORES)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": ROOT})
    finally:
        for each in busy:
            each.kill()
            each.wait()
    assert done.returncode == 0 and "note: the machine limited this run: other programs use " in done.stderr
