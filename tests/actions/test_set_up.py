"""The set-up of the actions, apart from the job's settings and tools; a run takes some seconds, as on GitHub."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.actions.conftest import RELEASE, REPOSITORY, Act, write_workflow
from tests.helpers.index import RunningIndex
from tests.helpers.projects import commit, make_project

SET_UP = Path(__file__).parents[2] / "github-actions" / "set-up.sh"
NOWHERE = "http://127.0.0.1:9/simple/"
JOB = {
    "UV_PYTHON": "3.99",
    "UV_INDEX_URL": NOWHERE,
    "UV_DEFAULT_INDEX": NOWHERE,
    "UV_EXTRA_INDEX_URL": NOWHERE,
    "UV_TARGET": "elsewhere",
    "UV_OFFLINE": "0",
    "UV_PROJECT_ENVIRONMENT": "elsewhere",
    "PIP_INDEX_URL": NOWHERE,
    "PIP_TARGET": "elsewhere",
    "PIP_USER": "1",
    "PYTHONPATH": "broken",
}
SNAPSHOT = "      - run: env -u GITHUB_STEP | sort > {name} && command -v uv >> {name} && uv cache dir >> {name}\n"


def _set_up(act: Act, tmp_path: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    tools = act.offline_tools()
    environment = {
        **os.environ,
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "RUNNER_TEMP": str(tmp_path / "temp"),
        **variables,
    }
    return subprocess.run(
        ["bash", SET_UP, *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("3.1", "YAML reads 3.10 without quotes"),
        ("3.10", "too old for pypi-publish, which needs 3.11 or newer"),
        ("3.9.18", "too old for pypi-publish"),
        ("3.10.x", "too old for pypi-publish"),
        ("2.7", "names no Python"),
        ("4.x", "names no Python"),
        ("3.98", "There is no Python 3.98 here"),
        ("%no\npython", "There is no Python %25nopython here"),
    ],
)
def test_a_python_that_cannot_be_is_an_annotation(act: Act, tmp_path: Path, version: str, words: str) -> None:
    done = _set_up(act, tmp_path, version, **JOB)
    assert done.returncode != 0
    (annotation,) = [line for line in done.stdout.splitlines() if line.startswith("::error title=")]
    assert words in annotation


@pytest.mark.parametrize(
    "version", [pytest.param(version, marks=pytest.mark.wide) for version in ("3.x", ">=3.11", "", "3")]
)
def test_a_python_that_is_there_is_taken(act: Act, tmp_path: Path, version: str) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "click.py").write_text("raise RuntimeError")
    done = _set_up(act, tmp_path, version, **JOB)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (tmp_path / "elsewhere").exists()
    python = tmp_path / "temp" / "pypi-publish" / "bin" / "python"
    ran = subprocess.run([python, "-I", "-m", "publisher.cli.main", "--version"], check=True, capture_output=True)
    assert ran.stdout.startswith(b"pypi-publish ")


def test_a_machine_without_uv_and_pip_gets_an_annotation(act: Act, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("bash", "dirname", "mkdir"):
        (tmp_path / "bin" / name).symlink_to(f"/usr/bin/{name}")
    done = _set_up(act, tmp_path, PATH=str(tmp_path / "bin"))
    assert done.returncode != 0
    assert "::error title=Set-up failed::uv could not be installed" in done.stdout
    assert "actions/setup-python" in done.stdout


@pytest.mark.wide
def test_the_job_decides_nothing_and_keeps_its_tools(act: Act, index: RunningIndex, tmp_path: Path) -> None:
    repository = make_project(tmp_path / "repository")
    before = (
        SNAPSHOT.format(name="../before")
        + f"""\
      - uses: {REPOSITORY}/github-actions/configure@{RELEASE}
        with:
          index-url: {index.url}
          username: ${{{{ secrets.PYPI_PUBLISH_USERNAME }}}}
          password: ${{{{ secrets.PYPI_PUBLISH_PASSWORD }}}}
"""
    )
    write_workflow(repository, index.url, before=before)
    workflow = repository / ".github" / "workflows" / "publish.yml"
    after = (
        SNAPSHOT.format(name="../after")
        + """\
      - run: diff ../before ../after > ../difference || cp ../difference "$(dirname "$OUTPUTS_FILE")"
"""
    )
    workflow.write_text(workflow.read_text() + after)
    commit(repository)
    settings = {name: value for name, value in JOB.items() if "INDEX" not in name}  # which are for builds, too
    options = [part for name, value in settings.items() for part in ("--env", f"{name}={value}")]
    run = act.run(repository, options=options)
    assert run.code == 0, run.log
    assert run.outputs["published"] == "true"
    difference = (tmp_path / "act" / "difference").read_text()
    changed = {line[2:].partition("=")[0] for line in difference.splitlines() if line[:2] in {"< ", "> "}}
    ours = {"NETRC", "PIP_INDEX_URL", "UV_DEFAULT_INDEX", "PDM_PYPI_URL"}
    assert {name for name in changed if not name.startswith(("GITHUB_", "_", "INPUT_"))} == ours, difference
    assert "elsewhere" not in json.dumps(sorted(path.name for path in repository.iterdir()))
