#!/usr/bin/env bash
# Install with the test extra and run the tests: scripts/test.sh [--fast] [ARGUMENTS OF PYTEST]
#
# --fast leaves out what takes seconds per test or needs more than Python (clusters, browsers, killed processes,
# notebooks, GPUs, the shared test data): two minutes instead of ten.
#
# One process per core with one thread each is twice as fast as one process with all cores; one more works while tests
# of clusters, cameras and pages wait for other processes. Files run in the order of tests/conftest.py, slow ones
# first, and not by their number of tests, which would leave slow ones for the end.
# VAD_TEST_PROCESSES=0 runs all tests in one process, for a debugger.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

prepare_environment "[test]"
cd "$root"

arguments=()
waiting=1
for argument in "$@"; do
    if [ "$argument" = --fast ]; then
        arguments+=(-m "not slow and not cuda")
        unset VAD_TEST_DATA VAD_REQUIRE_CHROMIUM VAD_REQUIRE_CUDA
        waiting=0
    else
        arguments+=("$argument")
    fi
done
# Hundreds of tests start a command, which would otherwise compile 260 files each time: a few tenths of a second.
unset PYTHONDONTWRITEBYTECODE
cores="$("$venv/bin/python" -c 'import psutil; print(psutil.cpu_count(logical=False) or psutil.cpu_count() or 1)')"
processes="${VAD_TEST_PROCESSES:-$((cores + waiting))}"
if [ "$processes" != 0 ]; then
    export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
fi
# Stores flush every file to the disk, thousands of times in the tests, which a slow disk turns into an hour:
# temporary files stay in memory where there is room for them.
memory=/dev/shm
if [ -z "${TMPDIR:-}" ] && [ -w "$memory" ] && [ "$(df --output=avail -B1G "$memory" | tail -1)" -ge 8 ]; then
    TMPDIR="$(mktemp -d "$memory/vad-tests-XXXXXX")"
    export TMPDIR
    trap 'rm -rf "$TMPDIR"' EXIT
fi
"$venv/bin/python" -m pytest -n "$processes" --dist loadfile --no-loadscope-reorder \
    ${arguments[@]+"${arguments[@]}"}
