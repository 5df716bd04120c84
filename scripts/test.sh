#!/usr/bin/env bash
# Install with the test extra and run the tests, a process a core with one thread each, which is twice as quick as one
# process with all cores; files in their order, since long ones with few tests would come last otherwise. Arguments go to
# pytest; VAD_TEST_PROCESSES=0 runs all tests in one process.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

prepare_environment "[test]"
cd "$root"
processes="${VAD_TEST_PROCESSES:-auto}"
if [ "$processes" != 0 ]; then
    export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
fi
exec "$venv/bin/python" -m pytest -n "$processes" --dist loadfile --no-loadscope-reorder "$@"
