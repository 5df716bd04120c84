# Sourced by the scripts here: finds Python, creates .venv and installs into it, but only if something has changed.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
venv="$root/.venv"

fail() {
    echo "error: $*" >&2
    exit 1
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python python3.13 python3.12 python3.11 python3.10}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    fail "Python 3.10 or newer is needed as python3 on the PATH (or PYTHON=/path/to/python); found" \
        "$(python3 --version 2>/dev/null || echo none)"
}

# What decides the installed packages; also the path, which an editable install remembers.
recipe() {
    echo "$root $1"
    cat "$root/setup.cfg" "$root/pyproject.toml"
}

is_installed() { # EXTRA
    [ -x "$venv/bin/vad-extract" ] && "$venv/bin/python" -c '' 2>/dev/null &&
        [ "$(cat "$venv/installed$1" 2>/dev/null)" = "$(recipe "$1")" ]
}

# prepare_environment [EXTRA]: install the commands into $venv/bin. EXTRA is "" or "[test]".
prepare_environment() {
    local extra="${1:-}" python
    if is_installed "$extra"; then
        return
    fi
    python="$(find_python)"
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        fail "$python has no venv module; install it (Debian, Ubuntu: apt install python3-venv) and run this again"
    if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        echo "creating $venv"
        "$python" -m venv --clear "$venv"
    fi
    echo "installing into $venv (about 5 GB of packages the first time, a few minutes)"
    rm -f "$venv/installed$extra"
    # torch and torchvision are installed by one call from one source, so that the pair matches
    (cd "$root" && "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -e ".$extra") ||
        fail "the installation failed; the lines above say why"
    recipe "$extra" >"$venv/installed$extra"
    if [ -n "$extra" ]; then
        recipe "" >"$venv/installed"
    fi
}
