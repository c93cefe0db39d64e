"""The commands of the tutorials and how-tos, pasted by a reader with a new home and the system's Python."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, WHEELS
from tests.helpers.pages import RUNS_ON, Terminal, read_blocks

DOCS = ROOT / "docs"
USER, PASSWORD = "ada", "correct horse"
RUN = {
    "tutorial/publish-your-first-package.md": 3,
    "tutorial/private-index-on-modal.md": 7,
}
"""The pages whose blocks are run, and how many of their blocks can't be, each with its reason above it."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the blocks are for a POSIX shell")


def _system_python() -> str:
    """Return the system's Python where the wheels of the tests fit it, else the one below the tests' environment."""
    system = "/usr/bin/python3"
    asked = f"import ensurepip, sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]!r})"
    fits = Path(system).exists() and subprocess.run([system, "-c", asked], check=False, capture_output=True, timeout=30)
    return system if fits and fits.returncode == 0 else os.path.realpath(sys.executable)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator["Desk"]:
    """Return a folder with a clone, and terminals that start in it."""
    desk = Desk(tmp_path)
    yield desk
    for terminal in reversed(desk.terminals):
        terminal.close()


class Desk:
    """A reader's machine: a new home, a clone beside it, no uv, and no index but the one that the page starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        self.terminals: list[Terminal] = []
        for path in (self.folder, folder / "home", folder / "bin", folder / "no-index"):
            path.mkdir()
        if (ROOT / ".git").exists():
            subprocess.run(["git", "clone", "-q", ROOT, self.folder / "pypi-publish"], check=True, timeout=60)
        else:
            shutil.copytree(ROOT, self.folder / "pypi-publish", ignore=shutil.ignore_patterns(".venv", "dist"))
        (folder / "bin/python3").symlink_to(_system_python())
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._environment = {
            "HOME": str(folder / "home"),
            "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "PIP_INDEX_URL": (folder / "no-index").as_uri(),
            "PIP_FIND_LINKS": str(WHEELS),
        }

    def run(self, page: Path) -> int:
        """Run a page's blocks, and return how many of them can't be."""
        terminal = self._open()
        left_out = 0
        for block in read_blocks(page):
            if block.reason is not None:
                assert len(block.reason) > 10, block
                left_out += 1
                continue
            for command in block.commands:
                here = command.replace("8080", str(self.port))
                if block.mark == RUNS_ON:
                    terminal.start(here, "Serving ")
                    terminal = self._open()
                else:
                    terminal.run(here)
        return left_out

    def _open(self) -> Terminal:
        self.terminals.append(Terminal(self.folder, self._environment, USER, PASSWORD))
        return self.terminals[-1]


@pytest.mark.parametrize("page", RUN)
def test_a_page_can_be_pasted(page: str, desk: Desk) -> None:
    # slow (installs this project twice, builds it, runs an index): the first ten minutes of every user
    assert desk.run(DOCS / page) == RUN[page]


def test_no_block_breaks_on_an_externally_managed_python() -> None:
    blocks = [(page, block) for page in [*DOCS.glob("**/*.md"), ROOT / "README.md"] for block in read_blocks(page)]
    assert len(blocks) > 50
    for page, block in blocks:
        for command in block.commands:
            assert not re.match(r"(?:sudo )?(?:pip3? install|python |python3 -m pip install)", command), (page, command)
