#!/usr/bin/env bash
# Lint, format and types, configured in pyproject.toml; all three run even if one fails. Exits 1 if any reports something.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

prepare_environment "[test]"
cd "$root"
status=0
"$venv/bin/ruff" check . || status=1
"$venv/bin/ruff" format --check . || status=1
"$venv/bin/pyright" || status=1
exit $status
