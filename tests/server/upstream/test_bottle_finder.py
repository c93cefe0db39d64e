"""After pypiserver is imported, absent modules cause no warning: each import runs in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

AFTERWARDS = """
import warnings
with warnings.catch_warnings(action="error"):
    try:
        import absent_module
    except ModuleNotFoundError:
        print("absent")
"""


@pytest.mark.parametrize(
    "code",
    [
        (
            "import pathlib\nfrom publisher.server.upstream.options import UpstreamChoices, upstream_settings\n"
            "upstream_settings(UpstreamChoices('public', '', pathlib.Path('cache')), {})"
        ),
        "import publisher.server.routes.legacy.pypiserver",
    ],
)
def test_absent_modules_cause_no_warning_after_pypiserver_is_imported(code: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", code + AFTERWARDS]
    root = str(Path(__file__).parents[3])
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "absent\n"), done.stderr
