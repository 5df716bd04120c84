"""What a container leaves of a machine, by files as the two versions of cgroups write them."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from extract.runtime.machine import limits as machine

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def cgroup(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "CGROUP", tmp_path)

    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_max", ".max")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text + "\n")

    return write


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, None),
        ({"cpu_max": "max 100000"}, None),
        ({"cpu_max": "150000 100000"}, 1.5),
        ({"cpu__cpu.cfs_quota_us": "50000", "cpu__cpu.cfs_period_us": "100000"}, 0.5),
        ({"cpu__cpu.cfs_quota_us": "-1", "cpu__cpu.cfs_period_us": "100000"}, None),
        ({"cpu_max": "nonsense"}, None),
    ],
)
def test_a_quota_of_processors_decides_the_number_of_cores(cgroup, files, quota):
    cgroup(**files)
    assert machine.cpu_quota() == quota
    allowed = len(os.sched_getaffinity(0))
    assert machine.cores() == (allowed if quota is None else min(allowed, -(-quota // 1)))


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({}, None),
        ({"memory_max": "max"}, None),
        ({"memory_max": "1000000"}, 1000000),
        ({"memory__memory.limit_in_bytes": "2000000"}, 2000000),
        ({"memory__memory.limit_in_bytes": "9223372036854771712"}, None),
    ],
)
def test_a_limit_of_memory_is_found(cgroup, files, limit):
    cgroup(**files)
    assert machine.memory_limit() == limit


@pytest.mark.parametrize(
    "files",
    [
        {
            "memory_max": "3000",
            "memory.current": "1000",
            "memory.stat": "anon 5\ninactive_file 300\nactive_file 7",
        },
        {
            "memory__memory.limit_in_bytes": "3000",
            "memory__memory.usage_in_bytes": "1000",
            "memory__memory.stat": "rss 5\ntotal_inactive_file 300\ntotal_active_file 7",
        },
    ],
    ids=["v2", "v1"],
)
def test_free_memory_is_what_a_container_has_left_without_its_page_cache(cgroup, files):
    assert 1 << 24 < machine.free_memory() < 1 << 50
    cgroup(**files)
    assert machine.free_memory() == 3000 - 1000 + 300 + 7


def test_the_limit_of_open_files_is_raised_as_far_as_allowed():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        assert machine.raise_open_files() == hard
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.slow
def test_a_program_without_standard_streams_runs_and_keeps_its_files_to_itself(tmp_path):
    closed = f"exec {sys.executable} -m extract.cli presets <&- >&- 2>&-"
    assert subprocess.run(["bash", "-c", closed], cwd=ROOT).returncode == 0
    program = (
        "from extract.runtime.standard_streams import open_standard_streams; import os, sys\n"
        "open_standard_streams(); file = open(sys.argv[1], 'w'); assert file.fileno() > 2\n"
        "os.write(2, b'noise'); print('more noise'); sys.stderr.write('and more'); file.write('content')\n"
    )
    path = tmp_path / "file"
    shell = f'exec {sys.executable} -c "$0" "$1" <&- >&- 2>&-'
    assert subprocess.run(["bash", "-c", shell, program, str(path)], cwd=ROOT).returncode == 0
    assert path.read_text() == "content"
