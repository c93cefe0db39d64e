"""The action that lets a job install from the index; a run takes some seconds, as on GitHub."""

import json
import sys
from pathlib import Path

import pytest

from tests.actions.conftest import PASSWORD, RELEASE, REPOSITORY, USER, Act, write_workflow
from tests.helpers.dists import make_wheel
from tests.helpers.index import RunningIndex

CLIENTS = Path(sys.executable).parents[1] / "clients" / "bin"
STEPS = """\
      - uses: {repository}/github-actions/configure@{release}
        id: installs # another id than the action's own step
        with:
          index-url: {url}
          username: ${{{{ secrets.PYPI_PUBLISH_USERNAME }}}}
          password: ${{{{ secrets.PYPI_PUBLISH_PASSWORD }}}}
      - run: |
          unset PIP_CONFIG_FILE PIP_NO_INDEX PIP_FIND_LINKS UV_FIND_LINKS
          {pip} install --quiet --no-deps --target with-pip acme-widgets
          uv pip install --quiet --no-cache --no-deps --target with-uv acme-widgets
          cd pdm && {clients}/pdm --quiet lock
          cd ../poetry && {clients}/poetry --quiet lock
          cd ..
          env > environment
          printf '%s' "$OUTPUTS" > outputs
          stat --format %a "$NETRC" > mode
          cp --recursive . "$(dirname "$OUTPUTS_FILE")/job"
        env:
          OUTPUTS: ${{{{ toJSON(steps.installs.outputs) }}}}
"""
PROJECT = '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["acme-widgets"]\n'


@pytest.mark.wide
def test_every_installer_of_a_job_installs_from_the_index(act: Act, index: RunningIndex, tmp_path: Path) -> None:
    make_wheel(index.root)
    repository = tmp_path / "repository"
    source = f'[tool.poetry]\npackage-mode = false\n[[tool.poetry.source]]\nname = "acme"\nurl = "{index.url}simple/"\n'
    for tool, table in {"pdm": "", "poetry": source}.items():
        (repository / tool).mkdir(parents=True)
        (repository / tool / "pyproject.toml").write_text(PROJECT + table)
    steps = STEPS.format(
        repository=REPOSITORY, release=RELEASE, url=index.url, pip=f"{sys.executable} -m pip", clients=CLIENTS
    )
    write_workflow(repository, index.url, "          dry-run: true\n          packages-dir: .", before=steps)
    run = act.run(repository)
    job = tmp_path / "act" / "job"
    assert job.is_dir(), run.log
    for folder in ("with-pip", "with-uv"):
        assert (job / folder / "acme_widgets" / "__init__.py").exists()
    for lock in ("pdm/pdm.lock", "poetry/poetry.lock"):
        assert 'name = "acme-widgets"' in (job / lock).read_text()
    assert (job / "mode").read_text() == "600\n"
    environment = (job / "environment").read_text()
    assert f"PIP_INDEX_URL={index.url}simple/" in environment
    assert PASSWORD not in environment
    assert PASSWORD not in run.log
    variables = dict(line.split("=", 1) for line in environment.splitlines() if "=" in line)
    assert json.loads((job / "outputs").read_text()) == {
        "index-url": f"{index.url}simple/",
        "netrc": variables["NETRC"],
    }
    assert Path(variables["NETRC"]).parent == Path(variables["RUNNER_TEMP"])  # which GitHub empties after the job


@pytest.mark.wide
def test_wrong_credentials_fail_before_anything_is_installed(act: Act, index: RunningIndex, tmp_path: Path) -> None:
    steps = STEPS.format(repository=REPOSITORY, release=RELEASE, url=index.url, pip="false", clients=CLIENTS)
    (tmp_path / "repository").mkdir()
    write_workflow(tmp_path / "repository", index.url, before=steps)
    run = act.run(tmp_path / "repository", secrets={"PYPI_PUBLISH_USERNAME": USER, "PYPI_PUBLISH_PASSWORD": "wrong"})
    assert run.code != 0
    assert "::error title=Not authenticated::" in run.annotations[0]
    none = act.run(tmp_path / "repository", secrets={})
    assert "gh secret set PYPI_PUBLISH_PASSWORD" in json.dumps(none.annotations)
