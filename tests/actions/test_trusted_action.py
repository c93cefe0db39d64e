"""The action in workflow runs without any secret: what `init` writes, and a token for other tools."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.actions.conftest import RELEASE, REPOSITORY, Act, Run
from tests.helpers.index import RunningIndex
from tests.helpers.issuer import Issuer, github_claims, running_issuer
from tests.helpers.projects import commit, git, make_project
from tests.helpers.tool import pypi_publish
from tests.helpers.trusted import secrets_of, trust, trusting_index

EXPORT = f"""\
on: {{push: {{tags: ["*"]}}}}
permissions: {{}}
jobs:
  publish:
    runs-on: ubuntu-24.04
    permissions: {{id-token: write}}
    steps:
      - uses: {REPOSITORY}/github-actions/publish@{RELEASE}
        id: identity
        with:
          index-url: INDEX
          export-token: true
      - run: |
          curl --silent --user "__token__:$TWINE_PASSWORD" INDEXwhoami
          env > "$OUTPUTS_FILE.environment"
        env:
          TWINE_PASSWORD: ${{{{ steps.identity.outputs.token }}}}
      - run: env > "$OUTPUTS_FILE.later"
"""


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer() as issuer:
        issuer.runner_claims = github_claims(environment="release")
        yield issuer


@pytest.fixture
def trusting(tmp_path: Path) -> Iterator[RunningIndex]:
    with trusting_index(tmp_path / "trusting") as index:
        yield index


def _run(act: Act, repository: Path, issuer: Issuer, **variables: str) -> Run:
    given = {**issuer.runner_variables, **variables}
    options = [word for name, value in given.items() for word in ("--env", f"{name}={value}")]
    return act.run(repository, secrets={}, options=options)


def _repository(folder: Path) -> Path:
    make_project(folder)
    git(folder, "init", "-q")
    git(folder, "remote", "add", "origin", "https://github.com/acme/widgets.git")
    return folder


@pytest.mark.wide
def test_the_workflow_of_init_publishes_without_a_secret(
    act: Act, trusting: RunningIndex, issuer: Issuer, tmp_path: Path
) -> None:
    repository = _repository(tmp_path / "repository")
    words = ["init", "--yes", "--index-url", "https://acme.example/", "--action", f"{REPOSITORY}@{RELEASE}"]
    done = pypi_publish(*words, cwd=repository)
    assert done.code == 0, done.stderr
    file = repository / "pyproject.toml"  # the runner of this test can reach an index on this machine
    file.write_text(file.read_text().replace("https://acme.example/", trusting.url))
    commit(repository)
    refused = _run(act, repository, issuer)
    assert refused.code != 0
    assert "pypi-publish trust add github" in refused.log, refused.log
    trust(trusting, issuer, "--project", "acme-widgets", "--create", "--environment", "release")
    run = _run(act, repository, issuer)
    assert run.code == 0, run.log
    assert len([path for path in trusting.root.iterdir() if path.is_file()]) == 2
    log = trusting.complete_log()
    assert "/_/oidc/burn-token" in log
    shown = re.sub(r"::add-mask::.*", "", run.log)
    for secret in secrets_of(trusting, issuer):
        assert secret not in shown
        assert secret not in log
    assert not re.search(r"pypi-publish-oidc_ey\w+", shown)


@pytest.mark.wide
def test_a_missing_permission_is_reported_with_the_line_to_add(
    act: Act, trusting: RunningIndex, issuer: Issuer, tmp_path: Path
) -> None:
    repository = _repository(tmp_path / "repository")
    words = ["init", "--yes", "--index-url", "https://acme.example/", "--action", f"{REPOSITORY}@{RELEASE}"]
    assert pypi_publish(*words, cwd=repository).code == 0
    file = repository / "pyproject.toml"
    file.write_text(file.read_text().replace("https://acme.example/", trusting.url))
    commit(repository)
    run = _run(act, repository, issuer, ACTIONS_ID_TOKEN_REQUEST_URL="", ACTIONS_ID_TOKEN_REQUEST_TOKEN="")
    assert run.code != 0
    assert "permissions:%0A      contents: read%0A      id-token: write" in run.log
    assert issuer.issued == []


@pytest.mark.wide
def test_the_token_is_exported_for_other_tools(
    act: Act, trusting: RunningIndex, issuer: Issuer, tmp_path: Path
) -> None:
    trust(trusting, issuer, "--project", "acme-widgets", "--create")
    repository = _repository(tmp_path / "repository")
    folder = repository / ".github" / "workflows"
    folder.mkdir(parents=True)
    (folder / "publish.yml").write_text(EXPORT.replace("INDEX", trusting.url))
    commit(repository)
    run = _run(act, repository, issuer)
    assert run.code == 0, run.log
    assert '"username": "acme/widgets (publish.yml)"' in run.log
    place = act.home / "act"
    token = re.search(
        r"^TWINE_PASSWORD=(pypi-publish-oidc_\S+)$", (place / "outputs.environment").read_text(), re.MULTILINE
    )
    assert token is not None
    assert token[1] not in (place / "outputs.later").read_text()
    assert token[1] not in re.sub(r"::add-mask::.*", "", run.log)
    assert not [path for path in trusting.root.iterdir() if path.is_file()]
