# Make the virtual environment .venv with the packages of requirement files (default:
# requirements.txt). It installs only if one of the files changed since the last call.
#
#   bash tools/setup_env.sh [requirement files]
#
# example:
#   bash tools/setup_env.sh && source .venv/bin/activate
#
# PYTHON names the interpreter; default: the first suitable one on the PATH. The other scripts source
# this file, which also puts the environment on their PATH.

is_sourced() { [ "${BASH_SOURCE[0]}" != "$0" ]; }

if ! is_sourced && { [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; }; then
    sed -n '1,/^is_sourced/{/^is_sourced/d;s/^# \{0,1\}//;p}' "$0"
    exit 0
fi

fits() { "$1" -c 'import ensurepip, sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; }

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.12 python3.11 python3.10 python}; do
        if fits "$candidate"; then echo "$candidate"; return; fi
    done
    echo "error: no Python 3.10 to 3.12 with venv found; install one (on Debian and Ubuntu:" \
        "apt install python3 python3-venv) or name it: PYTHON=/path/to/python bash $0" >&2
    return 1
}

# Both requirement files together take 5.6 GB; pip would fail only after downloading half of it.
enough_room() {
    local free
    free=$(df -Pk . | awk 'NR == 2 {print $4}')
    if [ "$free" -lt 6000000 ]; then
        echo "error: $PWD/.venv needs 6 GB, mostly PyTorch, and there are $((free / 1000000)) GB free" \
            "on that disk; make room, or put the project on another one" >&2
        return 1
    fi
}

set_up_environment() {
    local python file stamp want
    for file in "$@"; do
        if [ ! -f "$file" ]; then
            echo "error: $file: no such requirement file in $PWD" >&2
            return 1
        fi
        stamp=.venv/installed/$file.sha256
        want=$(cat "$file" pyproject.toml | sha256sum)
        if [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then
            echo "== environment: .venv already holds $file"
            continue
        fi
        echo "== environment: installing $file into .venv (about 3 GB to fetch the first time)"
        # An environment without pip is incomplete: its creation was interrupted.
        if ! .venv/bin/python -m pip --version > /dev/null 2>&1; then
            enough_room || return 1
            python=$(find_python) || return 1
            "$python" -m venv --clear .venv || return 1
        fi
        .venv/bin/python -m pip install --quiet --disable-pip-version-check -r "$file" || return 1
        # yapf 0.43, which mmengine imports, publishes its cache before it is completely written, so
        # processes that start at the same time could read half of it. Write the cache now.
        .venv/bin/python -c 'from importlib.util import find_spec; find_spec("yapf") and __import__("yapf.yapflib.yapf_api")' ||
            return 1
        mkdir -p .venv/installed
        echo "$want" > "$stamp"
    done
    export PATH="$PWD/.venv/bin:$PATH"
}

is_sourced || cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
set_up_environment "${@:-requirements.txt}" || return 1 2>/dev/null || exit 1
is_sourced || echo "(activate the environment: source .venv/bin/activate)"
