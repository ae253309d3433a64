#!/bin/sh
# environment.sh PYTHON REQUIREMENTS STAMP: makes .venv if there is none, installs exactly what REQUIREMENTS pins
# (names, versions and hashes), with the tools of requirements-build.txt, and touches STAMP. The Makefile calls it when
# STAMP is older than these.
set -u
python=$1
requirements=$2
stamp=$3
venv=.venv

fail() {
    printf '%s\n' "setup: $*" >&2
    exit 1
}

# The last lines of the log, for the cause, then one line that says what to do.
fail_with_log() {
    tail -n 6 "$log" >&2
    fail "$@"
}

command -v "$python" >/dev/null 2>&1 || fail "$python was not found; install Python 3.11 or newer, or name yours: make run PYTHON=python3.12"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" -V 2>&1) is too old; install Python 3.11 or newer, or name one: make run PYTHON=python3.12"

{ mkdir -p "$venv" && : >"$venv/setup.log"; } 2>/dev/null ||
    fail "$(pwd) can't be written to; copy the project to a folder of your own, or change the folder's permissions"
log=$venv/setup.log

# A folder left half made, or by a Python that is gone, is made again.
if ! "$venv/bin/python" -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
    "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
        fail "$python has no venv module; on Debian or Ubuntu: sudo apt install python3-venv"
    echo "Setting up Python packages in $venv; this happens once."
    find "$venv" -mindepth 1 -maxdepth 1 ! -name setup.log -exec rm -rf {} +
    "$python" -m venv "$venv" >>"$log" 2>&1 || fail_with_log "$python -m venv failed; the cause is above"
fi

# uv is ten times faster than pip. Where it can't be had, pip does the same work.
if [ ! -x "$venv/bin/uv" ]; then
    awk '/^[^ #]/ { wanted = /^uv==/ } wanted' requirements-dev.txt >"$venv/uv.txt"
    "$venv/bin/pip" install --quiet --no-compile --retries 1 --require-hashes --only-binary :all: -r "$venv/uv.txt" >>"$log" 2>&1
fi
if [ -x "$venv/bin/uv" ]; then
    install="$venv/bin/uv pip install --python $venv/bin/python"
else
    install="$venv/bin/pip install --retries 1"
fi
# Everything comes built, but for pyvips: its source is plain Python, packed by the pinned tool, since an isolated build
# would fetch one of its own.
# shellcheck disable=SC2086 # the commands are several words
{
    $install --quiet --require-hashes --only-binary :all: -r requirements-build.txt &&
        $install --quiet --require-hashes --only-binary :all: --no-binary pyvips --no-build-isolation -r "$requirements"
} >>"$log" 2>&1 ||
    fail_with_log "the packages of $requirements could not be installed; is this machine connected to the internet?"
touch "$stamp"
