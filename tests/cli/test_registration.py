"""`trust add` as the index gets it: what each option says of a publisher, and what is said back."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from publisher.cli.main import group
from publisher.cli.run.admin import trust
from publisher.github.provenance import ActionRef
from tests.helpers.answering import Answer, Request, answering, of_json

GITHUB = ("github", "acme/widgets", "--workflow", "publish.yml", "--project", "acme-widgets")
GITLAB = ("gitlab", "acme/widgets", "--project", "acme-widgets")
OIDC = ("oidc", "--issuer", "https://ci.acme.example", "--project", "acme-widgets")
ADDED = {
    "name": "github-1",
    "title": "acme/widgets (publish.yml)",
    "projects": ["acme-widgets"],
    "state": "active",
    "vouched-by": "ada",
    "standing": {"acme-widgets": "role"},
    "registered": 0.0,
}


class Registry:
    """An index that takes every publisher, and keeps the descriptions."""

    def __init__(self) -> None:
        self.url = ""
        self.added = dict(ADDED)
        self.described: list[Any] = []

    def answer(self, request: Request) -> Answer:
        assert (request.method, request.path) == ("POST", "/-/trust")
        assert request.headers["Authorization"] == "Bearer admin-token"
        self.described.append(json.loads(request.body))
        return of_json({"publisher": self.added}, 201)

    def add(self, *words: str) -> Result:
        environment = {"PYPI_PUBLISH_ADMIN_TOKEN": "admin-token", "PYPI_PUBLISH_INDEX_URL": self.url, "NO_PROXY": "*"}
        return CliRunner().invoke(group, ["trust", "add", *words], env=environment)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    monkeypatch.setattr(trust, "find_action_ref", lambda: None)
    found = Registry()
    with answering(found.answer) as url:
        found.url = url
        yield found


def test_a_github_publisher_is_for_tags_by_default(registry: Registry) -> None:
    done = registry.add(*GITHUB)
    assert done.exit_code == 0, done.output
    assert done.stdout == "github-1\n"
    (described,) = registry.described
    assert {name: value for name, value in described.items() if value} == {
        "kind": "github",
        "projects": ["acme-widgets"],
        "settings": {
            "repository": "acme/widgets",
            "workflow": "publish.yml",
            "environment": "",
            "ref": "refs/tags/*",
            "called_workflows": [],
        },
    }
    assert "acme/widgets (publish.yml) may publish acme-widgets; ada vouches for it." in done.stderr
    assert "Without --environment, everyone who can push a ref like refs/tags/* there can publish" in done.stderr
    assert "gh api repos/acme/widgets" in done.stderr


def test_every_option_of_a_github_publisher_reaches_the_index(registry: Registry) -> None:
    called = "acme/ci/.github/workflows/x.yml@refs/tags/*"
    numbers = ("--repository-id", "7", "--owner-id", "8")
    more = ("--project", "acme-gears", "--environment", "release", "--ref", "refs/heads/main", "--for", "ada")
    done = registry.add(*GITHUB, *numbers, *more, "--called-workflow", called, "--issuer", "https://ghes.acme.example")
    assert done.exit_code == 0, done.output
    (described,) = registry.described
    assert described["pins"] == {"repository_id": "7", "repository_owner_id": "8"}
    assert (described["issuer"], described["voucher"]) == ("https://ghes.acme.example", "ada")
    assert described["projects"] == ["acme-widgets", "acme-gears"]
    assert (described["settings"]["environment"], described["settings"]["ref"]) == ("release", "refs/heads/main")
    assert described["settings"]["called_workflows"] == [called]
    assert "--environment" not in done.stderr
    assert "gh api" not in done.stderr


@pytest.mark.parametrize("numbers", [("--repository-id", "7"), ("--owner-id", "8")])
def test_one_number_alone_leaves_the_other_to_the_first_job(registry: Registry, numbers: tuple[str, str]) -> None:
    assert "gh api repos/acme/widgets" in registry.add(*GITHUB, *numbers).stderr
    assert list(registry.described[0]["pins"].values()) == [numbers[1]]


def test_this_projects_own_workflow_may_be_called_where_its_repository_is_known(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trust, "find_action_ref", lambda: ActionRef("acme/index", "a" * 40))
    assert registry.add(*GITHUB, "--called-workflow", "acme/ci/.github/workflows/x.yml").exit_code == 0
    assert registry.described[0]["settings"]["called_workflows"] == [
        "acme/ci/.github/workflows/x.yml",
        "acme/index/.github/workflows/publish.yaml",
    ]


def test_a_gitlab_publisher_has_its_own_defaults_and_numbers(registry: Registry) -> None:
    assert registry.add(*GITLAB).exit_code == 0
    settings = {
        "repository": "acme/widgets",
        "workflow": ".gitlab-ci.yml",
        "environment": "",
        "ref": "refs/tags/*",
    }
    assert (registry.described[0]["kind"], registry.described[0]["settings"]) == ("gitlab", settings)
    assert registry.described[0]["pins"] == {}
    more = ("--config-file", "ci/x.yml", "--project-id", "7", "--namespace-id", "8", "--environment", "release")
    done = registry.add(*GITLAB, *more, "--issuer", "https://gitlab.acme.example")
    assert registry.described[1]["settings"] == {**settings, "workflow": "ci/x.yml", "environment": "release"}
    assert registry.described[1]["pins"] == {"project_id": "7", "namespace_id": "8"}
    assert registry.described[1]["issuer"] == "https://gitlab.acme.example"
    assert "--environment" not in done.stderr


def test_claims_of_any_issuer_are_rules(registry: Registry) -> None:
    done = registry.add(*OIDC, "--claim", "sub=pipeline:acme/*", "--claim", "labels=a=b", "--create")
    assert done.exit_code == 0, done.output
    (described,) = registry.described
    assert described["settings"] == {"claims": {"sub": "pipeline:acme/*", "labels": "a=b"}}
    assert (described["kind"], described["issuer"], described["creates"]) == ("oidc", "https://ci.acme.example", True)


@pytest.mark.parametrize("claim", ["sub", "=x", "sub=", "="])
def test_a_claim_without_a_name_or_a_pattern_is_refused(registry: Registry, claim: str) -> None:
    done = registry.add(*OIDC, "--claim", claim)
    assert (done.exit_code, "expected NAME=PATTERN" in done.stderr) == (2, True)
    assert registry.described == []


def test_a_pending_publisher_is_said_to_create_its_project(registry: Registry) -> None:
    registry.added = {**ADDED, "state": "pending", "standing": {"acme-widgets": ""}}
    done = registry.add(*GITHUB, "--create")
    assert registry.described[0]["creates"] is True
    assert "may publish acme-widgets, which it may create; ada vouches for it." in done.stderr
    assert "lacks the right" not in done.stderr


def test_an_account_that_may_not_vouch_is_warned_of(registry: Registry) -> None:
    registry.added = {**ADDED, "standing": {"acme-widgets": "", "acme-gears": "role"}}
    done = registry.add(*GITHUB)
    assert "ada lacks the right 'manage' on acme-widgets: jobs are refused until it has that." in done.stderr
    assert "on acme-gears" not in done.stderr


def test_json_is_alone_on_stdout(registry: Registry) -> None:
    done = registry.add(*GITHUB, "--json")
    assert json.loads(done.stdout) == {"publisher": ADDED}
