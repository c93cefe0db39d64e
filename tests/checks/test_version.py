"""The version against a real index and a real repository's tags: rules PP601 to PP605."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from publisher.checks.rules import RULES
from tests.checks.test_source import make
from tests.helpers.dists import make_sdist, make_wheel
from tests.helpers.http import Client
from tests.helpers.index import RunningIndex, running_index
from tests.helpers.tool import Result, pypi_publish

USER, PASSWORD = "ada", "correct horse"
WHO = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b.c", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b.c"}
COVERED = {"PP601", "PP602", "PP603", "PP604", "PP605"}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningIndex]:
    with running_index(tmp_path_factory.mktemp("index"), USER, PASSWORD) as index:
        yield index


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A committed project of version 1.0, named after the test."""
    folder = make(tmp_path / "repository", {"name": f'name = "{_name(tmp_path)}"\n'}, {})
    _git(folder, "init", "--quiet")
    _commit(folder)
    return folder


def _name(tmp_path: Path) -> str:
    return f"acme-{tmp_path.name.replace('_', '-').rstrip('0123456789-')}"


def _git(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, **WHO, "GIT_COMMITTER_DATE": "2020-01-01T00:00:00Z"}
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True, env=environment
    ).stdout.strip()


def _commit(folder: Path) -> None:
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--message", "a change")


def _upload(index: RunningIndex, tmp_path: Path, version: str) -> None:
    client = Client(index.url, (USER, PASSWORD))
    name = _name(tmp_path).replace("-", "_")
    (tmp_path / version).mkdir()
    for path in (make_wheel(tmp_path / version, name, version), make_sdist(tmp_path / version, name, version)):
        assert client.upload(path).status_code == 200


def _check(folder: Path, index: RunningIndex | None, *options: str, **environment: str) -> Result:
    where = {"PYPI_PUBLISH_INDEX_URL": index.url} if index else {}
    who = {"PYPI_PUBLISH_USERNAME": USER, "PYPI_PUBLISH_PASSWORD": PASSWORD}
    return pypi_publish("check", "--only", "version", *options, cwd=folder, env={**where, **who, **environment})


def test_every_rule_about_versions_is_tried() -> None:
    assert {code for code in RULES if code.startswith("PP6")} == COVERED


def test_a_new_project_and_a_higher_version_pass(index: RunningIndex, project: Path, tmp_path: Path) -> None:
    done = _check(project, index)
    assert (done.code, "All is well" in done.stderr) == (0, True), done.everything
    _upload(index, tmp_path, "0.9")
    _upload(index, tmp_path, "2.0rc1")  # a release candidate is not what installers take
    done = _check(project, index)
    assert (done.code, "All is well" in done.stderr) == (0, True), done.everything


def test_a_published_version_with_other_contents(index: RunningIndex, project: Path, tmp_path: Path) -> None:
    _upload(index, tmp_path, "1.0")
    assert _check(project, index).code == 0  # the last commit is older than what the index has
    (project / "README.md").write_text("# Other widgets\n")
    done = _check(project, index)
    assert done.code == 7, done.everything
    assert f"pyproject.toml:6: PP601 {_name(tmp_path)} 1.0 is already on the index" in done.stderr


def test_a_version_that_is_lower(index: RunningIndex, project: Path, tmp_path: Path) -> None:
    _upload(index, tmp_path, "1.1")
    done = _check(project, index)
    assert done.code == 7, done.everything
    assert "pyproject.toml:6: PP602 the version is 1.0, but the index has 1.1" in done.stderr
    with (project / "pyproject.toml").open("a") as file:
        file.write('[tool.pypi-publish.check]\nignore = { PP602 = "maintenance of 1.0" }\n')
    assert _check(project, index).code == 0


def test_a_tag_of_another_version(index: RunningIndex, project: Path, tmp_path: Path) -> None:
    done = _check(project, index, "--tag", "v1.1")
    assert (done.code, "PP603 the version is 1.0, but the tag 'v1.1' names 1.1" in done.stderr) == (7, True), (
        done.everything
    )
    assert _check(project, index, "--tag", "v1.0").code == 0
    assert _check(project, index, "--tag", f"{_name(tmp_path)}-v1.0").code == 0
    assert _check(project, index, "--tag", "another-project-v9").code == 0


@pytest.mark.parametrize(
    ("ref", "fails"),
    [("refs/tags/v1.1", True), ("refs/tags/v1.0", False), ("refs/heads/main", True), ("refs/tags/nightly", True)],
)
def test_the_tags_of_a_push_are_looked_at(index: RunningIndex, project: Path, ref: str, *, fails: bool) -> None:
    if ref != "refs/tags/v1.0":
        _git(project, "tag", "v1.1")  # pushed beside the branch that the hook gets
    _git(project, "tag", "v1.0")
    pushed = {"PRE_COMMIT_TO_REF": _git(project, "rev-parse", "HEAD"), "PRE_COMMIT_REMOTE_BRANCH": ref}
    done = _check(project, index, PRE_COMMIT_LOCAL_BRANCH=ref, **pushed)
    assert ("PP603" in done.stderr) is fails, done.everything
    assert "nightly" not in done.stderr


def test_offline_it_is_skipped_unless_it_must_not_be(project: Path) -> None:
    nowhere = {"PYPI_PUBLISH_INDEX_URL": "http://127.0.0.1:9/"}
    done = _check(project, None, **nowhere)
    assert (done.code, "PP604 skipped: " in done.stderr) == (0, True), done.everything
    assert _check(project, None, "--strict", **nowhere).code == 7


def test_without_an_index_it_says_so(project: Path) -> None:
    done = _check(project, None)
    assert (done.code, "PP604 skipped: No index URL is set" in done.stderr) == (0, True), done.everything
    assert "Traceback" not in done.stderr


def test_a_refused_password_is_reported(index: RunningIndex, project: Path) -> None:
    done = _check(project, index, PYPI_PUBLISH_PASSWORD="wrong")
    assert (done.code, "PP604 skipped: " in done.stderr, "refused" in done.stderr) == (0, True, True), done.everything


def test_a_version_that_a_plugin_finds(index: RunningIndex, tmp_path: Path) -> None:
    folder = make(tmp_path / "dynamic", {"version": 'dynamic = ["version"]\n'}, {})
    done = _check(folder, index, "--tag", "v3")
    assert (done.code, "PP605" in done.stderr) == (0, True), done.everything
