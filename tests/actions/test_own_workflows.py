"""
This repository's own workflows that use its actions.

`act` knows neither ``$/`` (this repository, at this commit) nor GitHub's artifacts: the first is written ``./`` here,
the second are copied to a folder. `gh` writes down what it is asked. Each run makes environments and builds, and so
takes some seconds.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.actions.conftest import PASSWORD, ROOT, Act
from tests.helpers.index import ADMIN_TOKEN, RunningIndex
from tests.helpers.issuer import Issuer, github_claims, running_issuer
from tests.helpers.projects import commit, git, make_project
from tests.helpers.tool import pypi_publish
from tests.helpers.trusted import secrets_of, trusting_index

ENVIRONMENT = Path(sys.executable).parents[1]
STAND_INS = {
    # every entry a link of its own: whatever clears the folder leaves the real one alone
    "actions/setup-python": "mkdir -p .venv && ln -sf {0}/bin {0}/lib {0}/pyvenv.cfg .venv/ && touch .venv/.ready",
    "actions/upload-artifact": 'mkdir -p "$ARTIFACTS/$NAME" && cp -r "$FOLDER"/. "$ARTIFACTS/$NAME"',
    "actions/attest-build-provenance": "ls $SUBJECTS > $ARTIFACTS/attested",
    "actions/download-artifact": 'mkdir -p "$FOLDER" && cp -r "$ARTIFACTS/$NAME"/. "$FOLDER"',
}
STAND_IN = """\
name: stand-in
description: stand-in
inputs:
  name: {description: x}
  path: {description: x}
  python-version: {description: x}
  if-no-files-found: {description: x}
  subject-path: {description: x}
runs:
  using: composite
  steps:
    - run: >-
        %s
      shell: bash
      env:
        NAME: ${{ inputs.name }}
        FOLDER: ${{ inputs.path }}
        SUBJECTS: ${{ inputs.subject-path }}
"""


GH = """\
#!/bin/sh
echo "$@" >> "$GH_LOG"
case "$*" in
*matching-refs*) printf 'refs/tags/%s\\n' $GH_TAGS ;;
esac
test "$2" != view
"""
"""`gh`, whose repository has the tags in GH_TAGS, and no release."""


@pytest.fixture
def own(released: Path, act: Act, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with the environment that `make` would set up, and stand-ins for what only GitHub has."""
    place = tmp_path / "own"
    shutil.copytree(released, place)
    pinned: set[str] = set()
    for workflow in (place / ".github" / "workflows").iterdir():
        text = workflow.read_text()
        pinned |= set(re.findall(r"uses: (\S+@[0-9a-f]{40}) ", text))
        workflow.write_text(text.replace("uses: $/", "uses: ./"))
    for action in pinned:
        if does := STAND_INS.get(action.partition("@")[0]):
            folder = tmp_path / action.replace("/", "-")
            folder.mkdir()
            (folder / "action.yml").write_text(STAND_IN % does.format(ENVIRONMENT))
            act.repositories[action] = folder
    gh = tmp_path / "bin" / "gh"
    gh.parent.mkdir()
    gh.write_text(GH)
    gh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{gh.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("ARTIFACTS", str(tmp_path / "artifacts"))
    monkeypatch.setenv("GH_LOG", str(tmp_path / "gh"))
    monkeypatch.setenv("GH_TAGS", "v0.1.0")
    git(place, "remote", "add", "origin", "https://github.com/acme/index.git")
    commit(place)
    return place


@pytest.fixture
def trusting(tmp_path: Path) -> Iterator[tuple[RunningIndex, Issuer]]:
    """An index that trusts the release workflow with its own client, as an admin has registered it."""
    workflow = "acme/index/.github/workflows/release.yaml@refs/tags/v0.1.0"
    claims = {"repository": "acme/index", "ref": "refs/tags/v0.1.0", "environment": "release"}
    with trusting_index(tmp_path / "trusting") as index, running_issuer() as issuer:
        issuer.runner_claims = github_claims(**claims, workflow_ref=workflow, job_workflow_ref=workflow)
        words = ["trust", "add", "github", "acme/index", "--workflow", "release.yaml", "--environment", "release"]
        words += ["--repository-id", "1001", "--owner-id", "42", "--project", "pypi-publish", "--create"]
        words += ["--issuer", issuer.url, "--index-url", index.url]
        done = pypi_publish(*words, env={"PYPI_PUBLISH_ADMIN_TOKEN": ADMIN_TOKEN})
        assert done.code == 0, done.stderr
        yield index, issuer


@pytest.mark.wide
def test_ci_publishes_this_package_and_installs_it(act: Act, own: Path) -> None:
    options = ["--job", "action", "--env", "PIP_NO_INDEX=0"]
    run = act.run(own, ref="refs/heads/main", workflow="ci.yaml", options=options)
    assert run.code == 0, run.log
    assert run.summary.startswith("### ✅ Published pypi-publish ")
    assert "The following steps install from" in run.log
    assert "Success - Main Install what was published" in run.log

    pull = act.run(own, "pull_request", ref="refs/pull/1/merge", workflow="ci.yaml", options=options)
    assert pull.code == 0, pull.log
    assert pull.summary.startswith("### 🔍 Dry run")


@pytest.mark.wide
def test_a_tag_is_built_once_tested_published_with_no_secret_and_announced(
    act: Act, own: Path, trusting: tuple[RunningIndex, Issuer], tmp_path: Path
) -> None:
    index, issuer = trusting
    changelog = own / "CHANGELOG.md"
    changelog.write_text(re.sub(r"## 0\.1\.0 \(.*\)", "## 0.1.0 (2026-11-23)", changelog.read_text()))
    commit(own)
    git(own, "tag", "v0.1.0")
    variables = ["--var", f"PYPI_PUBLISH_INDEX_URL={index.url}"]
    identity = [word for name, value in issuer.runner_variables.items() for word in ("--env", f"{name}={value}")]
    run = act.run(own, ref="refs/tags/v0.1.0", workflow="release.yaml", secrets={}, options=[*variables, *identity])
    assert run.code == 0, run.log
    assert run.log.index("Success - Main Test the wheel") < run.log.index("Published pypi-publish 0.1.0")
    built = sorted(path.name for path in (tmp_path / "artifacts" / "dist").iterdir())
    assert built == ["pypi_publish-0.1.0-py3-none-any.whl", "pypi_publish-0.1.0.tar.gz"]
    assert sorted(path.name for path in index.root.iterdir() if path.is_file()) == built
    with zipfile.ZipFile(tmp_path / "artifacts" / "dist" / built[0]) as wheel:
        release = json.loads(wheel.read("publisher/release.json"))
    assert release == {"repository": "acme/index", "commit": git(own, "rev-parse", "HEAD")}
    assert (tmp_path / "artifacts" / "notes" / "notes.md").read_text().startswith("The first release.")
    asked = [line for line in (tmp_path / "gh").read_text().splitlines() if line.startswith("release ")]
    assert asked[0] == "release view v0.1.0"
    assert asked[1].startswith("release create v0.1.0 dist/pypi_publish-0.1.0-py3-none-any.whl")
    assert (
        f"PATCH repos/acme/index/git/refs/tags/v0 -f sha={git(own, 'rev-parse', 'HEAD')}"
        in (tmp_path / "gh").read_text()
    )
    assert (tmp_path / "artifacts" / "attested").read_text().split() == [f"dist/{name}" for name in built]
    shown = re.sub(r"::add-mask::.*", "", run.log)
    assert not [secret for secret in secrets_of(index, issuer) if secret in shown]


CALL = """\
on: {{push: {{tags: ["*"]}}}}
permissions: {{}}
jobs:
  call:
    uses: ./.github/workflows/publish.yaml
    permissions: {{contents: read, id-token: write}}
    with:
      index-url: {url}
      package-dir: called
    secrets:
      PYPI_PUBLISH_USERNAME: ${{{{ secrets.PYPI_PUBLISH_USERNAME }}}}
      PYPI_PUBLISH_PASSWORD: ${{{{ secrets.PYPI_PUBLISH_PASSWORD }}}}
  after:
    needs: call
    runs-on: ubuntu-24.04
    steps:
      - run: printf '%s' "$OUTPUTS" > "$OUTPUTS_FILE"
        env:
          OUTPUTS: ${{{{ toJSON(needs.call.outputs) }}}}
"""


@pytest.mark.wide
def test_the_workflow_that_others_call_publishes(act: Act, own: Path, index: RunningIndex) -> None:
    make_project(own / "called")
    (own / ".github" / "workflows" / "call.yml").write_text(CALL.format(url=index.url))
    commit(own)
    run = act.run(own, workflow="call.yml")
    assert run.code == 0, run.log
    assert (run.outputs["published"], run.outputs["name"], run.outputs["version"]) == ("true", "acme-widgets", "1.0")
    assert run.statuses == dict.fromkeys(["acme_widgets-1.0-py3-none-any.whl", "acme_widgets-1.0.tar.gz"], "uploaded")
    assert PASSWORD not in run.log


def test_the_called_workflow_hands_its_inputs_and_outputs_on() -> None:
    called = yaml.safe_load((ROOT / ".github/workflows/publish.yaml").read_text("utf-8"))
    action = yaml.safe_load((ROOT / "github-actions/publish/action.yml").read_text("utf-8"))
    interface, job = called[True]["workflow_call"], called["jobs"]["publish"]  # YAML's `on`
    given = job["steps"][-1]["with"]
    assert set(given) <= set(action["inputs"])
    assert "inputs.package-dir" in called["concurrency"]["group"]
    assert set(interface["inputs"]) - {"environment"} == set(given) - {"username", "password"}
    assert all(f"inputs.{name}" in given[name] for name in set(interface["inputs"]) - {"environment"})
    assert set(interface["outputs"]) == set(job["outputs"]) <= set(action["outputs"])
    for name, output in interface["outputs"].items():
        assert output["value"] == f"${{{{ jobs.publish.outputs.{name} }}}}"
        assert job["outputs"][name] == f"${{{{ steps.release.outputs.{name} }}}}"


@pytest.mark.parametrize(
    ("tag", "tags", "moved"),
    [
        ("v1.2.3", "v1.2.3", "v1"),
        ("v1.10.0", "v1.10.0 v1.9.0 v1.11.0rc1 v1.2", "v1"),
        ("v1.2.4", "v1.10.0 v1.2.4", None),
        ("v2.0.0rc1", "v2.0.0rc1", None),
    ],
)
def test_the_newest_release_of_a_major_version_moves_its_tag(
    tmp_path: Path, tag: str, tags: str, moved: str | None
) -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/release.yaml").read_text("utf-8"))
    (script,) = [step["run"] for step in workflow["jobs"]["announce"]["steps"] if "Move" in step.get("name", "")]
    gh = tmp_path / "gh"
    gh.write_text(GH)
    gh.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "GH_TAGS": tags}
    environment |= {"GH_LOG": str(tmp_path / "log"), "GH_REPO": "acme/index", "GITHUB_SHA": "abc"}
    subprocess.run(["bash", "-e", "-c", script], env={**environment, "GITHUB_REF_NAME": tag}, check=True)
    log = (tmp_path / "log").read_text() if (tmp_path / "log").exists() else ""
    assert re.findall(r"PATCH repos/acme/index/git/refs/tags/(\S+) ", log) == ([moved] if moved else [])


def test_the_tag_that_is_moved_starts_no_release() -> None:
    (pattern,) = yaml.safe_load((ROOT / ".github/workflows/release.yaml").read_text("utf-8"))[True]["push"]["tags"]
    expression = pattern.replace(".", r"\.").replace("*", ".*")  # GitHub's `+` is that of regular expressions
    assert [tag for tag in ("v1", "v0.1.0", "v1.2.3rc1", "v10", "1.0") if re.fullmatch(expression, tag)] == [
        "v0.1.0",
        "v1.2.3rc1",
    ]


def test_a_version_that_the_changelog_does_not_date_is_not_released(act: Act, own: Path) -> None:
    run = act.run(own, ref="refs/tags/v0.1.0", workflow="release.yaml", options=["--job", "build"])
    assert run.code != 0
    assert "CHANGELOG.md has no date for 0.1.0" in run.annotations[0]
