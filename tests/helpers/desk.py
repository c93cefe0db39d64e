"""A reader's machine: a new home, the system's Python, and the commands that a page asks for."""

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.helpers.pages import RUNS_ON, read_blocks
from tests.helpers.reader import SHELL, ReaderTerminal

TOOLS = ("pypi-publish", "keyring", "uv")
_OWN_VIEWS = """\
set -e
mkdir ../own && mount -t tmpfs -o mode=755 none ../own
for folder in /etc /opt /root /var/lib; do
    mkdir -p "../own$folder/upper" "../own$folder/work"
    mount -t overlay -o "lowerdir=$folder,upperdir=../own$folder/upper,workdir=../own$folder/work" none "$folder"
done
exec "$@"
"""
ALONE = ("/usr/bin/unshare", "--mount", "/bin/bash", "-c", _OWN_VIEWS, "bash", *SHELL)
"""A shell whose changes of the system's folders are visible only to itself, and are gone when it ends."""
_PROJECT = (
    '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n\n'
    '[project]\nname = "{name}"\nversion = "{version}"\n'
)


@dataclass(frozen=True)
class Scene:
    """
    Pages that a reader follows one after the other.

    ``before`` is the situation in lines of shell, ``after`` checks the end. ``has`` are the commands on the machine,
    and ``serves`` is one that runs an index of the reader's own meanwhile. ``projects`` are folders with their project
    and version, ``files`` are others. With ``alone``, no one sees its changes of /etc, /opt or /var/lib.
    A ``wide`` scene is slow, and most of its lines are in others.
    ``words`` replaces examples of the pages, and ``variables`` are in every terminal (an empty one is not).
    """

    pages: tuple[str, ...]
    before: str = ""
    after: str = ""
    has: tuple[str, ...] = TOOLS
    needs: tuple[str, ...] = ()
    serves: str = ""
    projects: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    logged_in: bool = True
    agrees: bool = False
    alone: bool = False
    wide: bool = False
    words: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)


class Desk:
    """Runs the blocks of pages in terminals that start in one folder."""

    def __init__(self, folder: Path, scene: Scene, environment: Mapping[str, str], account: tuple[str, str]) -> None:
        self.folder, self.home, self._scene, self._account = folder / "work", folder / "home", scene, account
        self.terminals: list[ReaderTerminal] = []
        self._serving: ReaderTerminal | None = None
        self._words: Mapping[str, str] = {}
        tools = folder / "bin"
        for path in (self.folder, self.home, tools):
            path.mkdir()
        if not scene.alone:
            (tools / "python3").symlink_to(system_python())
        for name in scene.has:
            (tools / name).symlink_to(Path(sys.executable).parent / name)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._environment = {
            "HOME": str(self.home),
            "PATH": f"{self.home}/.local/bin:{tools}:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "PYPI_INDEX_PORT": str(self.port),
            "PYTHON_KEYRING_BACKEND": "publisher.machine.demo_keyring.DemoKeyring",
            "PYPI_PUBLISH_DEMO_KEYRING": str(self.home / "keyring.json"),
            **environment,
        }
        for place, (name, version) in scene.projects.items():
            (self.folder / place).mkdir(parents=True, exist_ok=True)
            (self.folder / place / "pyproject.toml").write_text(_PROJECT.format(name=name, version=version))
            (self.folder / place / f"{name.replace('-', '_')}.py").write_text('"""A module."""\n')
        for place, text in scene.files.items():
            (self.folder / place).write_text(text)

    def know(self, words: Mapping[str, str]) -> None:
        """Replace a page's examples from now on, and set the scene's variables."""
        self._words = words
        self._environment |= {name: replaced(value, words) for name, value in self._scene.variables.items()}
        self._environment = {name: value for name, value in self._environment.items() if value}

    def log_in(self, host: str) -> None:
        """Keep the account in a netrc file."""
        entry = 'machine {}\nlogin {}\npassword "{}"\n'.format(host, *self._account)
        (self.home / ".netrc").write_text(entry)
        (self.home / ".netrc").chmod(0o600)

    def run(self, page: Path) -> int:
        """Run the blocks of a page that can be run, and return their number."""
        terminal = self.terminals[-1] if self.terminals else self.open()
        count = 0
        for block in read_blocks(page):
            if not block.is_shell or block.reason is not None:
                continue
            count += 1
            for command in block.commands:
                text = replaced(command.text, self._words)
                if block.mark == RUNS_ON and command is block.commands[-1]:
                    terminal = self.serve(text)
                else:
                    output = terminal.run(text, fails=command.fails)
                    assert not command.fails or command.error in output, f"{text}\nended with\n{output}"
        return count

    def run_lines(self, lines: str) -> None:
        """Run lines of a test's own."""
        terminal = self.terminals[-1] if self.terminals else self.open()
        for line in lines.splitlines():
            terminal.run(replaced(line, self._words))

    def serve(self, command: str) -> ReaderTerminal:
        """Stop the index that runs, start one in this terminal, and return another terminal."""
        if self._serving is not None:
            self.terminals.remove(self._serving)
            self._serving.close()
        self._serving = self.terminals[-1] if self.terminals else self.open()
        self._serving.start(command, "Serving ")
        return self.open()

    def open(self) -> ReaderTerminal:
        """Open another terminal."""
        shell = ALONE if self._scene.alone else SHELL
        terminal = ReaderTerminal(
            self.folder, self._environment, *self._account, agrees=self._scene.agrees, shell=shell
        )
        self.terminals.append(terminal)
        return terminal


def replaced(text: str, words: Mapping[str, str]) -> str:
    """Return a command with a page's examples replaced, the longest first."""
    order = sorted(words, key=len, reverse=True)
    bounds = "|".join(
        rf"(?<![\w$]){re.escape(each)}(?![\w=])" if re.fullmatch(r"\w+", each) else re.escape(each) for each in order
    )
    return re.sub(bounds, lambda found: words[found[0]], text) if words else text


def system_python() -> str:
    """Return the system's Python where the wheels of the tests fit it, else the one below the tests' environment."""
    system = "/usr/bin/python3"
    asked = f"import ensurepip, sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]!r})"
    fits = Path(system).exists() and subprocess.run([system, "-c", asked], check=False, capture_output=True, timeout=30)
    return system if fits and fits.returncode == 0 else str(Path(sys.executable).resolve())


def clone_with_a_release(root: Path, folder: Path, release: str) -> None:
    """Write the repository that pages call `OWNER/REPOSITORY`: this one, with a tag."""
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-C", str(folder)]
    if (root / ".git").exists():
        subprocess.run(["git", "clone", "-q", root, folder], check=True, timeout=60)
    else:
        shutil.copytree(root, folder, ignore=shutil.ignore_patterns(".venv", "dist"))
        subprocess.run([*git, "init", "-q"], check=True, timeout=60)
        subprocess.run([*git, "add", "."], check=True, timeout=60)
        subprocess.run([*git, "commit", "-q", "-m", "Begin"], check=True, timeout=60)
    subprocess.run([*git, "tag", "-f", release], check=True, capture_output=True, timeout=60)
