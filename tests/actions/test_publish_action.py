"""
The action that consumer repositories call, in real workflow runs.

Every run takes some seconds: it makes the action's environment and builds, as on GitHub.
"""

import json
from pathlib import Path

import pytest

from tests.actions.conftest import PASSWORD, RELEASE, REPOSITORY, USER, Act, write_workflow
from tests.helpers.http import Client
from tests.helpers.index import RunningIndex
from tests.helpers.projects import commit, make_project, write_backend

WHEEL, SDIST = "acme_widgets-1.0-py3-none-any.whl", "acme_widgets-1.0.tar.gz"


def _published(index: RunningIndex) -> list[str]:
    return sorted(path.name for path in index.root.iterdir() if path.is_file())


def test_a_release_and_the_same_tag_again(act: Act, index: RunningIndex, tmp_path: Path) -> None:
    repository = make_project(tmp_path / "repository")
    write_workflow(repository, index.url, "          print-hash: true")
    first = act.run(repository)
    assert first.code == 0, first.log
    assert _published(index) == [WHEEL, SDIST]
    assert {name: value for name, value in first.outputs.items() if name != "files"} == {
        "published": "true",
        "uploaded": "2",
        "skipped-count": "0",
        "name": "acme-widgets",
        "version": "1.0",
        "token": "",
        "index-url": index.url,
        "project-url": f"{index.url}projects/acme-widgets/",
    }
    page = Client(index.url, (USER, PASSWORD)).page("acme-widgets")
    digests = {file["filename"]: file["hashes"]["sha256"] for file in page["files"]}
    files = {file["filename"]: file for file in json.loads(first.outputs["files"])}
    assert {name: file["sha256"] for name, file in files.items()} == digests
    assert all(file["status"] == "uploaded" and file["size"] > 0 for file in files.values())
    assert Client("", (USER, PASSWORD)).get(files[WHEEL]["url"]).status_code == 200
    assert first.summary.startswith("### ✅ Published acme-widgets 1.0")
    assert f"| `{digests[WHEEL]}` | uploaded |" in first.summary
    assert f"pip install --index-url {index.url}simple/ acme-widgets==1.0" in first.summary
    assert f"sha256:{digests[SDIST]}  {SDIST}" in first.log
    assert PASSWORD not in first.log
    assert not first.annotations

    second = act.run(repository)
    assert second.code == 0, second.log
    assert [second.outputs[name] for name in ("published", "uploaded", "skipped-count")] == ["false", "0", "2"]
    assert second.statuses == {WHEEL: "already-there", SDIST: "already-there"}
    assert second.summary.startswith("### ✅ Nothing new: acme-widgets 1.0 is already on the index")


@pytest.mark.wide
def test_the_tag_of_another_version(act: Act, index: RunningIndex, tmp_path: Path) -> None:
    repository = make_project(tmp_path / "repository")
    write_workflow(repository, index.url)
    run = act.run(repository, ref="refs/tags/v1.1")
    assert run.code != 0
    (annotation,) = run.annotations
    assert "title=Check failed,file=pyproject.toml::" in annotation
    assert "the version is 1.0, but the tag 'v1.1' names 1.1" in annotation
    assert "move the tag to that commit" in annotation
    assert "### ❌ Check failed" in run.summary
    assert _published(index) == []


@pytest.mark.wide
def test_a_wrong_password(act: Act, index: RunningIndex, tmp_path: Path) -> None:
    repository = make_project(tmp_path / "repository")
    write_workflow(repository, index.url)
    run = act.run(repository, secrets={"PYPI_PUBLISH_USERNAME": USER, "PYPI_PUBLISH_PASSWORD": "mistaken"})
    assert run.code != 0
    assert "::error title=Not authenticated::" in run.annotations[0]
    assert "refused the password of" in run.annotations[0]
    assert "mistaken" not in run.log
    assert _published(index) == []


@pytest.mark.wide
def test_an_index_that_is_down(act: Act, index: RunningIndex, tmp_path: Path) -> None:
    repository = make_project(tmp_path / "repository")
    write_workflow(repository, index.url)
    index.kill()
    run = act.run(repository)
    assert run.code != 0
    assert "::error title=Index unavailable::" in run.annotations[0]
    assert "the connection was refused" in run.annotations[0]


@pytest.mark.wide
def test_two_projects_and_a_tag_that_names_one(act: Act, index: RunningIndex, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    make_project(repository / "packages" / "widgets")
    make_project(repository / "packages" / "gadgets", "acme-gadgets", "1.0", backend="setuptools")
    make_project(repository / "packages" / "tools", "acme-tools", "2.0", backend="setuptools")
    write_workflow(
        repository, index.url, "          package-dir: |\n            packages/w*\n            packages/gadgets"
    )
    one = act.run(repository, ref="refs/tags/acme-widgets/v1.0")
    assert one.code == 0, one.log
    assert one.outputs["name"] == "acme-widgets"
    assert _published(index) == [WHEEL, SDIST]

    both = act.run(repository, ref="refs/tags/v1.0")
    assert both.outputs["uploaded"] == "2", both.log
    assert both.statuses[WHEEL] == "unchanged"
    assert (both.outputs["name"], both.outputs["version"], both.outputs["project-url"]) == ("", "1.0", "")
    assert both.summary.startswith("### ✅ Published acme-gadgets 1.0\n")
    assert "| acme-widgets 1.0 | | | unchanged, not built |" in both.summary
    assert both.summary.count("pip install") == 1


@pytest.mark.wide
def test_files_of_an_earlier_step(act: Act, index: RunningIndex, tmp_path: Path) -> None:
    repository = make_project(tmp_path / "repository")
    build = "      - run: pypi-publish build --out-dir built && touch built/.gitignore built/notes.txt"
    write_workflow(repository, index.url, "          packages-dir: built", before=build)
    run = act.run(repository)
    assert run.code == 0, run.log
    assert run.statuses == {WHEEL: "uploaded", SDIST: "uploaded"}
    assert run.log.count("  Building") == 1  # the earlier step's

    write_workflow(repository, index.url, "          build: no", before=build)  # and nothing in dist
    empty = act.run(repository)
    assert empty.code != 0
    assert "packages-dir: the folder dist does not exist" in empty.annotations[0]

    other = act.run(repository, ref="refs/tags/v2.0")
    assert other.code != 0


@pytest.mark.wide
def test_a_dry_run_in_a_pull_request(act: Act, index: RunningIndex, tmp_path: Path) -> None:
    repository = make_project(tmp_path / "repository")
    write_workflow(repository, index.url, "          dry-run: True", on="pull_request: ")
    run = act.run(repository, "pull_request", ref="refs/pull/3/merge")
    assert run.code == 0, run.log
    assert run.statuses == {WHEEL: "would-upload", SDIST: "would-upload"}
    assert run.outputs["published"] == "false"
    assert run.summary.startswith("### 🔍 Dry run, nothing was sent")
    assert _published(index) == []


@pytest.mark.wide
def test_a_pull_request_publishes_nothing_and_a_fork_has_no_secrets(
    act: Act, index: RunningIndex, tmp_path: Path
) -> None:
    repository = make_project(tmp_path / "repository")
    write_workflow(repository, index.url, "          require-tag: false", on="pull_request: ")
    refused = act.run(repository, "pull_request", ref="refs/pull/3/merge")
    assert refused.code != 0
    assert "A pull request publishes nothing" in refused.annotations[0]

    write_workflow(repository, index.url, "          dry-run: yes", on="pull_request: ")
    fork = {"pull_request": {"head": {"repo": {"fork": True}, "ref": "x"}, "base": {"ref": "main"}}}
    poor = act.run(repository, "pull_request", ref="refs/pull/3/merge", payload=fork, secrets={})
    assert poor.code == 0, poor.log
    assert not poor.annotations
    assert "not compared with the index" in poor.log
    assert poor.summary.startswith("### 🔍 Dry run: built and checked")
    assert (poor.outputs["published"], poor.outputs["files"]) == ("false", "[]")
    (repository / "README.md").unlink()
    (repository / "pyproject.toml").write_text((repository / "pyproject.toml").read_text() + 'readme = "no.md"')
    commit(repository)
    broken = act.run(repository, "pull_request", ref="refs/pull/3/merge", payload=fork, secrets={})
    assert broken.code != 0
    assert _published(index) == []


@pytest.mark.wide
def test_a_branch_publishes_only_on_request(act: Act, index: RunningIndex, tmp_path: Path) -> None:
    repository = make_project(tmp_path / "repository")
    write_workflow(repository, index.url, on="push: ")
    refused = act.run(repository, ref="refs/heads/main")
    assert refused.code != 0
    assert "This run is for main, not for a tag" in refused.annotations[0]
    assert _published(index) == []

    write_workflow(repository, index.url, "          require-tag: false", on="push: ")
    result = act.run(repository, ref="refs/heads/main")
    assert result.code == 0, result.log
    assert _published(index) == [WHEEL, SDIST]


HOSTILE = "v1.0\"; touch pwned; '$(touch pwned)`touch pwned`"


@pytest.mark.wide
def test_hostile_texts_stay_data(act: Act, index: RunningIndex, tmp_path: Path) -> None:
    repository = make_project(tmp_path / "repository")
    write_workflow(repository, index.url, f"          package-dir: {json.dumps(HOSTILE)}\n          build: true")
    run = act.run(repository)
    assert run.code != 0
    assert "does not exist" in run.annotations[0]

    lines = json.dumps("1.0\n::error title=forged::x\n$(touch pwned)")
    write_workflow(repository, index.url, f"          tag: {lines}\n          python-version: {json.dumps('>=3.11')}")
    tagged = act.run(repository, ref="refs/tags/$(touch${IFS}pwned)")
    assert tagged.code != 0
    (annotation,) = tagged.annotations
    assert "does not name a version" in annotation
    assert "forged" in annotation
    assert not list(tmp_path.rglob("pwned"))
    assert _published(index) == []


@pytest.mark.wide
def test_inside_another_repositorys_action(act: Act, index: RunningIndex, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    (outer / "release").mkdir(parents=True)
    (outer / "release" / "action.yml").write_text(f"""\
name: Release
description: What another team wraps around the action
inputs:
  password: {{description: The password}}
outputs:
  version: {{description: The version, value: "${{{{ steps.publish.outputs.version }}}}"}}
runs:
  using: composite
  steps:
    - uses: {REPOSITORY}/github-actions/publish@{RELEASE}
      id: publish
      with:
        repository-url: {index.url}
        user: {USER}
        password: ${{{{ inputs.password }}}}
""")
    commit(outer)
    repository = make_project(tmp_path / "repository")
    write_workflow(repository, index.url)
    workflow = repository / ".github" / "workflows" / "publish.yml"
    text = workflow.read_text().replace(
        f"{REPOSITORY}/github-actions/publish@{RELEASE}", f"other/tools/release@{RELEASE}"
    )
    workflow.write_text(text.replace(f"          index-url: {index.url}\n", ""))
    commit(repository)
    act.repositories[f"other/tools@{RELEASE}"] = outer
    run = act.run(repository)
    assert run.code == 0, run.log
    assert run.outputs["version"] == "1.0"
    assert _published(index) == [WHEEL, SDIST]


@pytest.mark.wide
def test_a_project_below_the_workflows_folder(act: Act, index: RunningIndex, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    make_project(repository / "python" / "acme widgets", backend="setuptools")
    write_workflow(repository, index.url, "          package-dir: python/acme widgets")
    run = act.run(repository)
    assert run.code == 0, run.log
    assert _published(index) == [WHEEL, SDIST]


@pytest.mark.wide
def test_a_build_that_fails_shows_its_log_folded(act: Act, index: RunningIndex, tmp_path: Path) -> None:
    statement = "print('::set-output name=x::y'); print('a helpful line'); raise SystemExit('the compiler is missing')"
    repository = write_backend(tmp_path / "repository", statement)
    write_workflow(repository, index.url)
    run = act.run(repository)
    assert run.code != 0
    begin, end = run.log.index("::group::The build of"), run.log.index("::endgroup::")
    assert begin < run.log.index("a helpful line") < end
    assert "::error title=Build failed::" in run.annotations[0]
    assert "the compiler is missing" in run.annotations[0]
