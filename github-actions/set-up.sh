#!/usr/bin/env bash
# Set up an action's environment in $RUNNER_TEMP/pypi-publish. Usage: set-up.sh [PYTHON_VERSION]
# The job's settings of Python, pip and uv decide nothing here, and its own uv, PATH and caches stay as they are.
set -uo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
environment="$RUNNER_TEMP/pypi-publish"
tools="$RUNNER_TEMP/pypi-publish-tools"
python_version="${1:-}"
oldest=11 # the minor version in `requires-python`

fail() { # fail TITLE MESSAGE
    local message="${2//'%'/%25}"
    message="${message//$'\r'/%0D}"
    echo "::error title=$1::${message//$'\n'/%0A}"
    exit 1
}

# how to reach the network is the machine's matter; everything else is the job's own
for name in $(compgen -e); do
    case "$name" in
        PIP_CERT | PIP_PROXY | UV_NATIVE_TLS | UV_SYSTEM_CERTS | UV_PYTHON_INSTALL_MIRROR) ;;
        UV | UV_* | PIP_* | PYTHON* | VIRTUAL_ENV | CONDA_PREFIX) unset "$name" ;;
    esac
done
export PIP_CONFIG_FILE=/dev/null PIP_DISABLE_PIP_VERSION_CHECK=1
export UV_CACHE_DIR="$tools/cache" UV_PYTHON_INSTALL_DIR="$tools/python"

wanted() { # print PYTHON_VERSION as uv names it
    local version="${1//[[:space:]]/}" minor
    version="${version%.x}"
    version="${version%.X}"
    case "$version" in
        "" | 3) echo ">=3.$oldest" && return ;;
        3.1) fail "Invalid configuration" "python-version is 3.1: YAML reads 3.10 without quotes as that number. \
Write it in quotes, and give 3.$oldest or newer." ;;
    esac
    if [[ "$version" =~ ^(cpython@?|python)?3\.([0-9]+)(\.[0-9]+)?$ ]]; then
        minor="${BASH_REMATCH[2]}"
        ((10#$minor >= oldest)) || fail "Invalid configuration" "python-version: $1 is too old for pypi-publish, which \
needs 3.$oldest or newer. A wheel that needs this Python can be built in an earlier step: give its folder as packages-dir."
    elif [[ "$version" =~ ^[0-24-9](\.|$)|^[0-9.]+[xX*] ]]; then
        fail "Invalid configuration" "python-version: $1 names no Python: give a version (3.13), a range (>=3.$oldest), or 3.x."
    fi
    echo "$version"
}

uv_in() { # print the path of the uv that was installed into a folder
    local place
    for place in "$1"/bin/uv "$1"/bin/uv.exe "$1"/Scripts/uv.exe; do
        test -x "$place" && echo "$place" && return
    done
    return 1
}

install_uv() { # install the uv of the lock file, whose hash is verified, with the machine's Python or uv
    local python
    for python in python3 python; do
        "$python" -I -c 'import sys, pip; sys.exit(sys.version_info < (3, 8))' 2>/dev/null || continue
        "$python" -I -m pip install --quiet --no-cache-dir --only-binary :all: --require-hashes \
            --requirement "$root/requirements/bootstrap.txt" --target "$tools" || continue
        return
    done
    command -v uv >/dev/null && uv pip install --quiet --no-config --require-hashes \
        --requirement "$root/requirements/bootstrap.txt" --target "$tools"
}

version="$(wanted "$python_version")" || { echo "$version" && exit 1; }
mkdir -p "$tools"
uv="$(uv_in "$tools")" || { install_uv && uv="$(uv_in "$tools")"; } || fail "Set-up failed" "uv could not be installed: \
see the log above. A machine needs Python with pip, or uv, and the public index; actions/setup-python brings the first."
"$uv" venv --quiet --no-config --no-project --clear --python "$version" "$environment" || fail "Set-up failed" "There is \
no Python $version here, and none could be downloaded: give another python-version (3.13, >=3.$oldest), or bring it with \
actions/setup-python."
export VIRTUAL_ENV="$environment"
"$uv" pip install --quiet --no-config --require-hashes --requirement "$root/requirements/action.txt" &&
    "$uv" pip install --quiet --no-config --no-deps --no-build-isolation "$root" ||
    fail "Set-up failed" "pypi-publish's own requirements could not be installed: see the log above. They come from the \
public index, whichever index the job uses; run the job again."
