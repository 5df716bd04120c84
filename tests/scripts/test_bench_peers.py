"""How public programs are compared with ours: the same work, counted by both, or no comparison at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from scripts.benchmarks import bench_peers
from scripts.benchmarks.harness.watched import ProgramError, Watched, run_watched
from scripts.benchmarks.peers.counted import CountedInputs
from scripts.benchmarks.peers.report import Report, read_report
from support.tiny_bags import random_bags

pytestmark = pytest.mark.skipif(
    not Path("/proc/stat").is_file(), reason="the benchmarks read /proc, which only Linux has"
)

ROOT = Path(__file__).resolve().parents[2]
# Counts the lines of a file, as a stand-in for a program that counts its rows.
COUNTING = """
import json, sys
rows = len(open(sys.argv[1]).read().splitlines())
json.dump({"counts": {"rows": rows}, "seconds": 1.0, "threads": 1, "torch": "none"}, open(sys.argv[2], "w"))
"""


def counted(folder, name, lines):
    """The run of a program that says how many lines it has read."""
    (folder / f"{name}.txt").write_text("row\n" * lines)
    report = folder / f"{name}.json"
    command = [sys.executable, "-c", COUNTING, str(folder / f"{name}.txt"), str(report)]
    return lambda: bench_peers.Run(run_watched(command, os.environ), read_report(report))


def test_programs_that_made_different_numbers_of_rows_are_not_compared(tmp_path):
    theirs = counted(tmp_path, "theirs", 9)
    same = bench_peers.Comparison("x", theirs, {"fp32": counted(tmp_path, "same", 9)})
    results, taken = bench_peers.compare(same, 1, ["fp32"])
    assert taken and {each.name for each in results} >= {"x, fp32: loop, theirs / ours"}
    other = bench_peers.Comparison("x", theirs, {"fp32": counted(tmp_path, "other", 10)})
    with pytest.raises(ProgramError, match="'rows': 9.*'rows': 10"):
        bench_peers.compare(other, 1, ["fp32"])


def test_other_threads_are_refused_in_one_line():
    reports = [Report({"bags": 4}, 1.0, threads, "2.0") for threads in (1, 2)]
    with pytest.raises(ProgramError, match="threads of the peer: 1, of ours: 2") as refused:
        bench_peers.check_same_work("x", *reports)
    assert "\n" not in str(refused.value)
    bench_peers.check_same_work("x", reports[0], reports[0])


def run_of(seconds, processor, peak, loop):
    return bench_peers.Run(Watched(seconds, processor, peak), Report({"rows": 1200}, loop, 2, "2.0"))


def test_a_line_of_the_table_has_their_time_over_ours_and_both_memories():
    comparison = bench_peers.Comparison(
        "I3D",
        lambda: run_of(8.0, 15.0, 1040.0, 6.0),
        {"fp32": lambda: run_of(4.0, 5.0, 1450.0, 2.0), "bf16": lambda: run_of(2.0, 3.0, 900.0, 1.0)},
    )
    results, taken = bench_peers.compare(comparison, 3, ["fp32", "bf16"])
    first, second = bench_peers.table(comparison, results, taken, ["fp32", "bf16"]).splitlines()
    cells = [cell.strip() for cell in first.strip("|").split("|")]
    assert len(cells) == bench_peers.HEADER.splitlines()[0].count("|") - 1
    assert cells == [
        "I3D, fp32",
        "1,200 rows",
        "2",
        "2.00 (2.00 - 2.00)",
        "3.00 (3.00 - 3.00)",
        "3.00 (3.00 - 3.00)",
        "1040 (1040 - 1040) MB",
        "1450 (1450 - 1450) MB",
    ]
    assert "| 4.00 (4.00 - 4.00) | 6.00 (6.00 - 6.00) | 5.00 (5.00 - 5.00) |" in second


@pytest.mark.parametrize(
    "pair, words",
    [
        ("ur-dmu={}", "memory.py is not there; give a clone of henrryzh1/UR-DMU at 152c4dc"),
        ("else={}", "expected NAME=FOLDER with one of video_features, ur-dmu, rtfm"),
        ("rtfm", "expected NAME=FOLDER"),
    ],
)
def test_a_clone_that_lacks_a_file_is_refused_before_anything_runs(tmp_path, pair, words):
    for name in ("model.py", "train.py"):
        (tmp_path / name).write_text("raise SystemExit('never imported')\n")
    result = CliRunner().invoke(bench_peers.main, ["--peer", pair.format(tmp_path)])
    assert result.exit_code == 2 and words in result.output


def test_videos_are_cut_to_complete_clips(tmp_path):
    source, files = bench_peers.CLONES["video_features"]
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    options = ["--peer", f"video_features={tmp_path}", "--videos", str(tmp_path)]
    result = CliRunner().invoke(bench_peers.main, [*options, "--frames", "100"])
    assert result.exit_code == 2 and "a multiple of 16" in result.output
    result = CliRunner().invoke(bench_peers.main, options)
    assert result.exit_code == 2 and "0 videos" in result.output and source.startswith("v-iashin")


def test_a_watched_program_counts_what_its_own_processes_hold_together():
    # Two processes hold 60 MB each at the same time.
    holding = "import os, time\nchild = os.fork()\nrows = bytearray(60 * 2**20)\ntime.sleep(0.5)\n"
    program = f"{holding}if child: os.waitpid(child, 0)\n"
    watched = run_watched([sys.executable, "-c", program], os.environ)
    assert 120 < watched.peak_mb < 200


def test_a_program_that_fails_is_named_with_its_last_words():
    with pytest.raises(ProgramError, match="ended with 3:\nno weights here"):
        run_watched([sys.executable, "-c", "print('no weights here'); raise SystemExit(3)"], os.environ)


def test_a_network_counts_the_bags_and_instances_that_it_is_given():
    network = torch.nn.Identity()
    seen = CountedInputs(network)
    for _ in range(3):
        network(torch.zeros(4, 10, 32, 5))
    assert seen.counts() == {"steps": 2, "bags": 40, "instances": 1280, "features": 5}
    with pytest.raises(ValueError, match=r"shape \[2, 32, 5\], the one before \[4, 10, 32, 5\]"):
        network(torch.zeros(2, 32, 5))
    other = torch.nn.Identity()
    own, bags = CountedInputs(other), random_bags([0, 1], lengths=[6, 6], dim=3)
    other(bags)
    other(bags)
    assert own.counts() == {"steps": 1, "bags": 2, "instances": 12, "features": 3}


STEP = """
import torch
torch.set_default_tensor_type("torch.cuda.FloatTensor")
import visdom, ipdb
rows = torch.ones(3).cuda()
assert torch.nn.Linear(2, 2).cuda()(torch.zeros(1, 2)).device.type == rows.device.type == "cpu"
"""


@pytest.mark.slow
def test_code_written_for_a_gpu_runs_unmodified_on_a_cpu():
    shims = "from scripts.benchmarks.peers.shims import stand_in, without_gpu\nwithout_gpu()\n"
    program = f"{shims}stand_in('visdom', 'ipdb')\n{STEP}"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
