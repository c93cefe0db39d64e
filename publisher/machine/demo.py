"""The whole loop on an index of its own: serve, register, log in, build, publish, install, run."""

import json
import os
import secrets
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from publisher.client.answers import error_text
from publisher.client.http import BearerAuth, IndexSession
from publisher.client.url import IndexUrl, parse_index_url
from publisher.errors import PublishError
from publisher.machine.demo_keyring import FILE_VARIABLE
from publisher.secret import Secret

USER = "demo"
START_LIMIT = 60.0
"""Seconds that the index may take to say where it serves."""

_SAMPLE_FILES = {
    "pyproject.toml": """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "acme-greetings"
version = "1.0.0"
description = "Says hello from a private index"
readme = "README.md"
requires-python = ">=3.11"

[project.scripts]
acme-greet = "acme_greetings:main"
""",
    "README.md": "# acme-greetings\n\nSays hello from a private index.\n",
    "acme_greetings.py": """\
import importlib.metadata


def main():
    print("Hello from acme-greetings", importlib.metadata.version("acme-greetings"))
""",
}


class DemoFailedError(PublishError):
    """A step of the demo failed."""

    title = "The demo failed"


class Show(NamedTuple):
    """Callbacks that print the demo's report: title of a step, its command, a line of output, seconds taken."""

    step: Callable[[str], None]
    command: Callable[[str], None]
    line: Callable[[str], None]
    done: Callable[[float], None]


def run_demo(project: Path | None, show: Show) -> None:
    """
    Do every step on an index in a temporary folder, with a sample project or the given one; leave nothing behind.

    Raises DemoFailedError, which names the step and the reason.
    """
    with TemporaryDirectory(prefix="pypi-publish-demo-", ignore_cleanup_errors=True) as folder:
        demo = _Demo(Path(folder), show)
        with demo.step("Start an index with passwords on a free port"):
            server = demo.start_index()
        try:
            demo.run(project)
        finally:
            _stop(server)


class _Demo:
    """One run: its folder, the environment of its commands, and the index it started."""

    def __init__(self, folder: Path, show: Show) -> None:
        self._folder = folder
        self._show = show
        self._password = Secret(secrets.token_urlsafe(12))
        self._admin_token = Secret(secrets.token_urlsafe(24))
        self._index: IndexUrl | None = None

    @property
    def index(self) -> IndexUrl:
        """The index that runs."""
        assert self._index is not None, "the first step starts it"  # noqa: S101 - for the type checker
        return self._index

    def run(self, project: Path | None) -> None:
        """Do the steps that need a running index."""
        with self.step("Register a user over HTTP"):
            self.register()
        with self.step("Log in: check the password with the index, and save it in the demo's own keyring"):
            self.tool("login", "--username", USER, "--password-stdin", given=self._password.reveal() + "\n")
        source = project or self.write_sample()
        out_dir = self._folder / "dist"
        with self.step(f"Build, check and publish {project or 'a sample project'}"):
            report = json.loads(self.tool("publish", str(source), "--out-dir", str(out_dir), "--json"))
        with self.step("Publish again: nothing is left to upload"):
            again = ["upload", *(file["path"] for file in report["files"])] if project else ["publish", str(source)]
            states = {file["status"] for file in json.loads(self.tool(*again, "--json"))["files"]}
            if states != {"already-there"}:
                raise DemoFailedError(f"The files should all be there already; they are {', '.join(sorted(states))}.")
        release = report["projects"][0]
        with self.step("Install it from the index into a fresh environment; pip finds the password in keyring"):
            python = self.install(release, dependencies_elsewhere=project is not None)
        with self.step("Run what was installed"):
            self.use(python, release, sample=project is None)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Report a step and its time; a failure inside it names the step."""
        self._show.step(title)
        started = time.monotonic()
        try:
            yield
        except (OSError, PublishError) as error:
            raise DemoFailedError(f"{title}: {error}", hint=getattr(error, "hint", None)) from error
        self._show.done(time.monotonic() - started)

    def start_index(self) -> subprocess.Popen[str]:
        """Start `pypi-publish serve` and return it when it has said where it serves."""
        arguments = ["serve", "--host", "127.0.0.1", "--port", "0"]
        arguments += ["--root", str(self._folder / "packages"), "--htpasswd", str(self._folder / "htpasswd")]
        (self._folder / "packages").mkdir()
        log = self._folder / "index.log"
        environment = {**os.environ, "AUTH_TOKEN": self._admin_token.reveal()}
        self._show.command("pypi-publish serve --port 0 --root packages --htpasswd htpasswd")
        with log.open("w") as sink:
            server = subprocess.Popen(  # noqa: S603 - our own command
                [*_tool_command(), *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                text=True,
            )
        try:
            self._index = _wait_for_index(server, log)
        except BaseException:
            _stop(server)
            raise
        self._show.line(f"{self.index}")
        return server

    def register(self) -> None:
        """Make an account, as an administrator does."""
        self._show.command('curl -H "Authorization: Bearer $AUTH_TOKEN" -d \'{"username": "demo", ...}\' .../register')
        account = {"username": USER, "password": self._password.reveal()}
        with closing(IndexSession(self.index.root, BearerAuth(self._admin_token))) as session:
            response = session.request("POST", self.index.endpoint("register"), json=account)
        if not response.ok:
            raise DemoFailedError(f"The index did not register the user: {error_text(response)}")
        self._show.line(f"{response.status_code} {response.text.strip()}")

    def tool(self, *arguments: str, given: str = "") -> str:
        """Run `pypi-publish` with the demo's keyring, show its messages, and return its stdout."""
        command = [*_tool_command(), *arguments]
        done = self._command(command, ["pypi-publish", *arguments], self._tool_environment(), given)
        self._lines(done.stderr)
        return done.stdout

    def write_sample(self) -> Path:
        """Write the sample project and return its folder."""
        folder = self._folder / "acme-greetings"
        folder.mkdir()
        for name, text in _SAMPLE_FILES.items():
            (folder / name).write_text(text, "utf-8")
        return folder

    def install(self, release: Mapping[str, str], *, dependencies_elsewhere: bool) -> Path:
        """
        Install a release with the pip of a new virtual environment, whose Python is returned.

        A project with dependencies is downloaded from the demo's index and installed from that file, so that its
        dependencies come from where the person's own pip takes them.
        """
        environment = self._folder / "environment"
        venv.create(environment, with_pip=True, symlinks=os.name != "nt")
        python = _scripts(environment) / ("python.exe" if os.name == "nt" else "python")
        requirement = f"{release['normalized-name']}=={release['version']}"
        if not dependencies_elsewhere:
            self.pip(python, ["install", requirement], self._pip_environment())
            return python
        downloads = self._folder / "downloads"
        self.pip(python, ["download", "--no-deps", "--dest", str(downloads), requirement], self._pip_environment())
        self.pip(python, ["install", *map(str, downloads.iterdir())], os.environ)
        return python

    def pip(self, python: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        """Run the pip of an environment and show its output."""
        done = self._command([str(python), "-m", "pip", *arguments], ["pip", *arguments], environment)
        self._lines(done.stdout)

    def use(self, python: Path, release: Mapping[str, str], *, sample: bool) -> None:
        """Run the sample's own command, or ask the environment for the version of a given project."""
        if sample:
            self._lines(self._command([str(python.parent / "acme-greet")], ["acme-greet"], os.environ).stdout)
            return
        code = f"import importlib.metadata as m; print(m.version({release['name']!r}))"
        found = self._command([str(python), "-c", code], ["python", "-c", f'"{code}"'], os.environ).stdout.strip()
        self._lines(found)
        if found != release["version"]:
            raise DemoFailedError(f"The environment has the version {found}, not {release['version']}.")

    def _tool_environment(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("PYPI_PUBLISH_")},
            **self._keyring_environment(),
            "PYPI_PUBLISH_INDEX_URL": self.index.root,
            "XDG_CONFIG_HOME": str(self._folder / "config"),
        }

    def _pip_environment(self) -> dict[str, str]:
        """Return an environment in which pip knows this index alone and asks the keyring command."""
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("PIP_")},
            **self._keyring_environment(),
            "NETRC": os.devnull,  # a person's entry for 127.0.0.1 is not for this index
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_INDEX_URL": self.index.simple.replace("://", f"://{USER}@", 1),
            "PIP_KEYRING_PROVIDER": "subprocess",
        }

    def _keyring_environment(self) -> dict[str, str]:
        return {
            "PYTHON_KEYRING_BACKEND": "publisher.machine.demo_keyring.DemoKeyring",
            FILE_VARIABLE: str(self._folder / "keyring.json"),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        }

    def _command(
        self, command: Sequence[str], shown: Sequence[str], environment: Mapping[str, str], given: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command, shown as a person would type it."""
        typed = self._without_folder(" ".join(shown))
        self._show.command(typed)
        done = subprocess.run(  # noqa: S603 - no shell
            command, env=environment, input=given, capture_output=True, text=True, encoding="utf-8", check=False
        )
        if done.returncode:
            raise DemoFailedError(f"`{typed}` ended with {done.returncode}:\n{done.stderr.strip()}")
        return done

    def _lines(self, text: str) -> None:
        for line in self._without_folder(text).splitlines():
            self._show.line(line)

    def _without_folder(self, text: str) -> str:
        return text.replace(f"{self._folder}{os.sep}", "")


def _tool_command() -> list[str]:
    return [sys.executable, "-m", "publisher.cli.main"]


def _scripts(environment: Path) -> Path:
    return environment / ("Scripts" if os.name == "nt" else "bin")


def _wait_for_index(server: subprocess.Popen[str], log: Path) -> IndexUrl:
    """Return where a started index serves, as soon as it says so."""
    deadline = time.monotonic() + START_LIMIT
    while server.poll() is None and time.monotonic() < deadline:
        for line in log.read_text("utf-8").splitlines(keepends=True):
            if line.startswith("Serving ") and line.endswith("\n"):
                return parse_index_url(line.rpartition(" on ")[2])
        time.sleep(0.02)
    raise DemoFailedError(f"The index did not start:\n{log.read_text('utf-8').strip()}")


def _stop(server: subprocess.Popen[str]) -> None:
    """End the index, kindly at first."""
    server.terminate()
    try:
        server.wait(timeout=10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
