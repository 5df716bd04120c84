#!/usr/bin/env bash
# Install with the test extra and run the tests: scripts/test.sh [--fast] [ARGUMENTS OF PYTEST]
#
# --fast leaves out what takes seconds per test or needs more than Python (clusters, browsers, killed processes,
# notebooks, GPUs, the shared test data): two minutes instead of eight.
#
# One process per core with one thread each is twice as fast as one process with all cores. Files run in the order of
# tests/conftest.py, slow ones first, and not by their number of tests, which would leave slow ones for the end.
# VAD_TEST_PROCESSES=0 runs all tests in one process, for a debugger.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

prepare_environment "[test]"
cd "$root"

arguments=()
for argument in "$@"; do
    if [ "$argument" = --fast ]; then
        arguments+=(-m "not slow and not cuda")
        unset VAD_TEST_DATA VAD_REQUIRE_CHROMIUM VAD_REQUIRE_CUDA
    else
        arguments+=("$argument")
    fi
done
# Hundreds of tests start a command, which would otherwise compile 260 files each time: a few tenths of a second.
unset PYTHONDONTWRITEBYTECODE
processes="${VAD_TEST_PROCESSES:-auto}"
if [ "$processes" != 0 ]; then
    export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
fi
exec "$venv/bin/python" -m pytest -n "$processes" --dist loadfile --no-loadscope-reorder \
    ${arguments[@]+"${arguments[@]}"}
