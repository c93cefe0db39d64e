"""Workflows run by `act` on this machine, with the actions as they are here; only the download of uv is replaced."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import WHEELS
from tests.helpers.index import RunningIndex, running_index
from tests.helpers.projects import commit, git
from tests.helpers.released import copy_checkout

ROOT = Path(__file__).parents[2]
REPOSITORY = "acme/index"
RELEASE = "0123456789abcdef0123456789abcdef01234567"
USER, PASSWORD = "publisher", "correct horse%&é"
CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1"
PYTHON = """\
#!/bin/sh
# python3 of a job: it installs the uv that is here already, which installs requirements with hashes from a folder
for target; do :; done
case " $* " in
*/bootstrap.txt*) mkdir -p "$target/bin" && cp "{uv}" "$target/bin/uv" ;;
*) exec "{python}" "$@" ;;
esac
"""
UV = """\
#!/bin/sh
case " $* " in
*" --require-hashes "*) export UV_DEFAULT_INDEX=file:///absent UV_FIND_LINKS="{wheels}" UV_CACHE_DIR="{cache}" ;;
esac
exec "{uv}" "$@"
"""


@dataclass(frozen=True)
class Run:
    """Results of a workflow's run: its log, the step summary, and the outputs where the workflow kept them."""

    code: int
    log: str
    outputs: Mapping[str, str]

    @property
    def summary(self) -> str:
        """The first summary that a step wrote."""
        found = re.search(r"Summary - (.*?)\n\[[^\]]+\] ", self.log, re.DOTALL)
        return found[1] if found else ""

    @property
    def annotations(self) -> list[str]:
        return re.findall(r"^\[[^\]]+\] +\S+ +(::(?:error|warning) .*)", self.log, re.MULTILINE)

    @property
    def statuses(self) -> dict[str, str]:
        """The outcome for each file, by name."""
        return {file["filename"]: file["status"] for file in json.loads(self.outputs["files"])}


@dataclass
class Act:
    """Runs workflows as GitHub does, with this repository's actions as a release of theirs."""

    released: Path
    home: Path
    repositories: dict[str, Path] = field(default_factory=dict)
    """Other repositories' actions by ``owner/name@ref``."""

    def run(
        self,
        repository: Path,
        event: str = "push",
        *,
        ref: str = "refs/tags/v1.0",
        payload: Mapping[str, Any] | None = None,
        secrets: Mapping[str, str] | None = None,
        workflow: str = "publish.yml",
        options: Sequence[str] = (),
    ) -> Run:
        """Run one workflow for an event; a step may write what is to be looked at to the file ``$OUTPUTS_FILE``."""
        place = self.home / "act"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        (place / "event.json").write_text(json.dumps({"ref": ref, **(payload or {})}))
        given = {"PYPI_PUBLISH_USERNAME": USER, "PYPI_PUBLISH_PASSWORD": PASSWORD} if secrets is None else secrets
        lines = [f"{name}={json.dumps(value, ensure_ascii=False)}\n" for name, value in given.items()]
        (place / "secrets").write_text("".join(lines), "utf-8")
        command = [str(Path(sys.executable).parent / "act"), event, "--workflows", f".github/workflows/{workflow}"]
        command += ["--eventpath", str(place / "event.json"), "--secret-file", str(place / "secrets")]
        command += ["--action-cache-path", str(place / "cache"), "--env", f"OUTPUTS_FILE={place / 'outputs'}"]
        command += ["--platform", "ubuntu-24.04=-self-hosted", *options]
        for name, folder in {f"{REPOSITORY}@{RELEASE}": self.released, **self.repositories}.items():
            command += ["--local-repository", f"{name}={folder}"]
        environment = {**os.environ, "PATH": f"{self.offline_tools()}{os.pathsep}{os.environ['PATH']}"}
        done = subprocess.run(
            command, cwd=repository, env=environment, capture_output=True, text=True, check=False, timeout=180
        )
        outputs = (place / "outputs").read_text() if (place / "outputs").exists() else "{}"
        return Run(done.returncode, done.stdout + done.stderr, json.loads(outputs))

    def offline_tools(self) -> Path:
        """Return a folder for the front of the path, with what keeps the set-up of the actions off the network."""
        folder = self.home / "tools"
        folder.mkdir(exist_ok=True)
        binaries = Path(sys.executable).parent
        cache = os.environ["UV_CACHE_DIR"]
        files = {
            "uv.sh": UV.format(uv=binaries / "uv", wheels=WHEELS, cache=cache),
            "python3": PYTHON.format(uv=folder / "uv.sh", python=sys.executable),
        }
        for name, text in files.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        return folder


def write_workflow(
    repository: Path, index_url: str, inputs: str = "", *, before: str = "", on: str = "push: {tags: ['*', '*/*']}"
) -> None:
    """Write a workflow that checks out, runs ``before``, publishes, and keeps the outputs; then commit everything."""
    folder = repository / ".github" / "workflows"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "publish.yml").write_text(f"""\
on: {{{on}}}
permissions: {{}}
jobs:
  publish:
    runs-on: ubuntu-24.04
    steps:
      - uses: {CHECKOUT} # v7.0.1
{before}
      - uses: {REPOSITORY}/github-actions/publish@{RELEASE}
        id: release # another id than the action's own step: act would mix their outputs up
        with:
          index-url: {index_url}
          username: ${{{{ secrets.PYPI_PUBLISH_USERNAME }}}}
          password: ${{{{ secrets.PYPI_PUBLISH_PASSWORD }}}}
{inputs}
      - run: printf '%s' "$OUTPUTS" > "$OUTPUTS_FILE"
        if: always()
        env:
          OUTPUTS: ${{{{ toJSON(steps.release.outputs) }}}}
""")
    commit(repository)
    if "origin" not in git(repository, "remote"):
        git(repository, "remote", "add", "origin", "https://github.com/acme/widgets.git")


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Contents of a checkout of this repository."""
    return copy_checkout(tmp_path_factory.mktemp("released"))


@pytest.fixture
def act(released: Path, tmp_path: Path) -> Act:
    return Act(released, tmp_path)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[RunningIndex]:
    with running_index(tmp_path / "index", USER, PASSWORD, "--client-uploader", USER) as index:
        yield index
