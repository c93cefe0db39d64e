"""Starting `serve`: what it creates, and what it warns of."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.tool import pypi_publish

COMMAND = [sys.executable, "-m", "publisher.cli.main", "serve", "--port", "0"]


def test_nothing_is_created_when_the_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = pypi_publish("serve", "--port", str(taken.getsockname()[1]), cwd=tmp_path)
    assert done.code == 2
    assert "hint: Choose another --port" in done.stderr
    assert not list(tmp_path.iterdir())


def _start(folder: Path, *arguments: str) -> str:
    """Return what an index prints until it serves."""
    shown = ""
    with subprocess.Popen(
        [*COMMAND, *arguments], cwd=folder, env=os.environ, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            shown += line
            if line.startswith("Serving"):
                break
        process.send_signal(signal.SIGTERM)
    return shown


@pytest.mark.parametrize(
    ("arguments", "warned"),
    [
        (["--host", "0.0.0.0"], True),
        (["--host", "0.0.0.0", "--trusted-proxy", "127.0.0.1"], False),
        (["--host", "127.0.0.1"], False),
        (["--host", "localhost"], False),
    ],
)
def test_passwords_in_clear_text_are_warned_of(tmp_path: Path, arguments: list[str], *, warned: bool) -> None:
    shown = _start(tmp_path, *arguments)
    assert "Serving" in shown
    assert ("passwords travel unencrypted" in shown) == warned
