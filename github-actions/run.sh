#!/usr/bin/env bash
# Run `pypi-publish action` in the environment that set-up.sh made. Usage: run.sh publish|configure
# Only this process finds the action's tools first on its path; -I keeps the job's Python settings out of it.
set -euo pipefail

environment="$RUNNER_TEMP/pypi-publish"
tools="$RUNNER_TEMP/pypi-publish-tools"
python="$environment/bin/python"
test -x "$python" || python="$environment/Scripts/python.exe"
export PATH="$environment/bin:$environment/Scripts:$tools/bin:$tools/Scripts:$PATH"
exec "$python" -I -m publisher.cli.main action "$1"
