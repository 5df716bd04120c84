#!/usr/bin/env bash
# Install with the test extra and run the tests; arguments go to pytest.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

prepare_environment "[test]"
cd "$root"
exec "$venv/bin/python" -m pytest "$@"
