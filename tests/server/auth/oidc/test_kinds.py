"""Each kind of publisher: the settings that it takes, the claims that it asks for, and the job that it names."""

from typing import Any

import pytest

from publisher.server.auth.oidc.errors import ClaimMismatchError, InvalidPublisherError
from publisher.server.auth.oidc.kinds import any_issuer, github, gitlab
from publisher.server.auth.principal import Origin

PATH = "acme/widgets/.github/workflows/publish.yml"
CALLED = "acme/ci/.github/workflows/build.yaml"
GITHUB = {"repository": "acme/widgets", "workflow": "publish.yml"}
GITHUB_CLAIMS = {
    "iss": github.ISSUER,
    "repository": "acme/widgets",
    "repository_owner": "acme",
    "event_name": "push",
    "workflow_ref": f"{PATH}@refs/tags/v1",
    "job_workflow_ref": f"{PATH}@refs/tags/v1",
    "ref": "refs/tags/v1",
    "sha": "a" * 40,
}
GITLAB_CLAIMS = {
    "iss": gitlab.ISSUER,
    "project_path": "acme/widgets",
    "ci_config_ref_uri": "gitlab.com/acme/widgets//.gitlab-ci.yml@refs/tags/v1",
    "ref_path": "refs/tags/v1",
    "sha": "a" * 40,
}


def test_a_publisher_in_github_actions_has_defaults() -> None:
    assert github.check_settings(GITHUB) == GITHUB | {
        "environment": "",
        "ref": "refs/tags/*",
        "called_workflows": [],
    }


def test_a_publisher_in_github_actions_keeps_what_it_is_given() -> None:
    given = GITHUB | {"environment": "release", "ref": "refs/heads/main", "called_workflows": [CALLED] * 20}
    assert github.check_settings(given) == given


@pytest.mark.parametrize(
    "change",
    [
        {"called_workflows": [CALLED] * 21},
        {"called_workflows": CALLED},
        {"called_workflows": ["publish.yml"]},
        {"ref": "main"},
        {"repository": "acme"},
        {"workflow": "publish.txt"},
        {"branch": "main"},
    ],
)
def test_settings_that_no_workflow_has_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidPublisherError):
        github.check_settings(GITHUB | change)


@pytest.mark.parametrize(
    ("settings", "claims"),
    [
        ({}, {}),
        ({}, {"repository": "ACME/Widgets", "repository_owner": "Acme"}),
        ({}, {"workflow_ref": f"{PATH}@{'a' * 40}", "job_workflow_ref": f"{PATH}@{'a' * 40}"}),
        ({}, {"workflow_ref": f"Acme/{PATH.removeprefix('acme/')}@refs/tags/v1"} | {"job_workflow_ref": None}),
        ({"environment": "Release"}, {"environment": "release"}),
        ({"called_workflows": [CALLED]}, {"job_workflow_ref": f"{CALLED}@refs/heads/main"}),
        ({"called_workflows": [f"{CALLED}@v1"]}, {"job_workflow_ref": f"{CALLED}@v1"}),
    ],
)
def test_jobs_of_a_publisher_in_github_actions(settings: dict[str, Any], claims: dict[str, Any]) -> None:
    found = GITHUB_CLAIMS | claims
    found["job_workflow_ref"] = found["job_workflow_ref"] or found["workflow_ref"]
    github.check_claims(github.check_settings(GITHUB | settings), found)


@pytest.mark.parametrize(
    ("settings", "claims", "says"),
    [
        ({}, {"repository_owner": "mallory"}, "repository_owner"),
        ({}, {"workflow_ref": f"{PATH}@refs/heads/main"}, "another ref"),
        ({}, {"workflow_ref": f"{PATH.replace('publish', 'Publish')}@refs/tags/v1"}, "workflow_ref"),
        ({}, {"workflow_ref": f"{PATH.replace('widgets', 'gears')}@refs/tags/v1"}, "workflow_ref"),
        ({}, {"job_workflow_ref": f"{CALLED}@v1"}, "not allowed to call"),
        ({"called_workflows": [f"{CALLED}@v1"]}, {"job_workflow_ref": f"{CALLED}@v2"}, "not allowed to call"),
        ({"environment": "release"}, {"environment": "test"}, "environment"),
        ({"environment": "release"}, {}, "no claim environment"),
        ({"ref": "refs/heads/main"}, {}, "ref"),
    ],
)
def test_other_jobs_in_github_actions(settings: dict[str, Any], claims: dict[str, Any], says: str) -> None:
    with pytest.raises(ClaimMismatchError, match=says):
        github.check_claims(github.check_settings(GITHUB | settings), GITHUB_CLAIMS | claims)


@pytest.mark.parametrize(
    ("claims", "run"),
    [
        ({}, ""),
        ({"run_id": 777}, "https://github.com/acme/widgets/actions/runs/777"),
        ({"run_id": 777, "server_url": "https://ghe.example"}, "https://ghe.example/acme/widgets/actions/runs/777"),
        ({"run_id": 777, "iss": "https://token.ghe.example"}, "777"),
    ],
)
def test_the_run_in_github_actions(claims: dict[str, Any], run: str) -> None:
    found = GITHUB_CLAIMS | claims
    assert github.origin(found) == Origin(str(found["iss"]), "acme/widgets", "a" * 40, run)


def test_a_run_in_github_actions_without_a_commit() -> None:
    claims = {name: value for name, value in GITHUB_CLAIMS.items() if name != "sha"}
    assert github.origin(claims).commit == ""


def test_a_publisher_in_gitlab_has_defaults() -> None:
    assert gitlab.check_settings({"repository": "acme/tools/widgets"}) == {
        "repository": "acme/tools/widgets",
        "workflow": ".gitlab-ci.yml",
        "environment": "",
        "ref": "refs/tags/*",
    }


def test_a_publisher_in_gitlab_keeps_what_it_is_given() -> None:
    given = {"repository": "acme/widgets", "workflow": "ci/a.yml", "environment": "release", "ref": "refs/heads/main"}
    assert gitlab.check_settings(given) == given


@pytest.mark.parametrize(
    "change", [{"called_workflows": []}, {"repository": "acme"}, {"workflow": "a.txt"}, {"ref": "main"}]
)
def test_settings_that_no_pipeline_has_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidPublisherError):
        gitlab.check_settings({"repository": "acme/widgets"} | change)


@pytest.mark.parametrize(
    ("settings", "claims"),
    [
        ({}, {}),
        ({}, {"project_path": "Acme/Widgets"}),
        ({}, {"ci_config_ref_uri": "gitlab.com/Acme/widgets//.gitlab-ci.yml@refs/tags/v1"}),
        ({}, {"ci_config_ref_uri": f"gitlab.com/acme/widgets//.gitlab-ci.yml@{'a' * 40}"}),
        ({}, {"pipeline_source": "push"}),
        ({"environment": "release"}, {"environment": "release"}),
    ],
)
def test_pipelines_of_a_publisher_in_gitlab(settings: dict[str, Any], claims: dict[str, Any]) -> None:
    gitlab.check_claims(gitlab.check_settings({"repository": "acme/widgets"} | settings), GITLAB_CLAIMS | claims)


@pytest.mark.parametrize(
    ("settings", "claims", "says"),
    [
        ({}, {"project_path": "acme/gears"}, "project_path"),
        ({}, {"iss": "https://gitlab.example"}, "ci_config_ref_uri"),
        ({}, {"ci_config_ref_uri": "gitlab.com/acme/widgets//.GitLab-ci.yml@refs/tags/v1"}, "ci_config_ref_uri"),
        ({}, {"ci_config_ref_uri": "gitlab.com/acme/widgets//.gitlab-ci.yml@refs/heads/main"}, "another ref"),
        ({}, {"pipeline_source": "merge_request_event"}, r"a merge request \(merge_request_event\)"),
        ({}, {"pipeline_source": "external_pull_request_event"}, r"\(external_pull_request_event\)"),
        ({"ref": "refs/heads/main"}, {}, "ref_path"),
        ({"environment": "release"}, {"environment": "Release"}, "environment"),
    ],
)
def test_other_pipelines_in_gitlab(settings: dict[str, Any], claims: dict[str, Any], says: str) -> None:
    checked = gitlab.check_settings({"repository": "acme/widgets"} | settings)
    with pytest.raises(ClaimMismatchError, match=says):
        gitlab.check_claims(checked, GITLAB_CLAIMS | claims)


def test_a_merge_request_is_known_by_its_ref_too() -> None:
    ref = "refs/merge-requests/1/head"
    claims = GITLAB_CLAIMS | {"ref_path": ref, "ci_config_ref_uri": f"gitlab.com/acme/widgets//.gitlab-ci.yml@{ref}"}
    with pytest.raises(ClaimMismatchError, match=rf"a merge request \({ref}\)"):
        gitlab.check_claims(gitlab.check_settings({"repository": "acme/widgets", "ref": "*"}), claims)


def test_the_pipeline_in_gitlab() -> None:
    pipeline = "https://gitlab.com/acme/widgets/-/pipelines/5"
    assert gitlab.origin(GITLAB_CLAIMS) == Origin(gitlab.ISSUER, "acme/widgets", "a" * 40, "")
    assert gitlab.origin(GITLAB_CLAIMS | {"pipeline_id": 5}) == Origin(
        gitlab.ISSUER, "acme/widgets", "a" * 40, pipeline
    )
    assert gitlab.origin({"iss": gitlab.ISSUER, "project_path": "acme/widgets"}).commit == ""


def test_a_publisher_of_any_issuer_has_rules() -> None:
    for count in (1, 20):
        given = {"claims": {f"https://acme.example/claim-{number}": "v*" for number in range(count)}}
        assert any_issuer.check_settings(given) == given


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "at least one claim"),
        ({"claims": {}}, "at least one claim"),
        ({"claims": ["sub"]}, "at least one claim"),
        ({"claims": {f"claim-{number}": "v" for number in range(21)}}, "at least one claim"),
        ({"claims": {"sub": "**"}}, "matches every value"),
        ({"claims": {"two words": "v"}}, "claim"),
        ({"claims": {"sub": 1}}, "sub"),
        ({"claims": {"sub": "v"}, "repository": "acme/widgets"}, "Unknown setting"),
        *(({"claims": {name: "v"}}, "always checked") for name in ("iss", "aud", "exp", "nbf", "iat", "jti")),
    ],
)
def test_rules_of_any_issuer_that_would_not_protect(given: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidPublisherError, match=says):
        any_issuer.check_settings(given)


def test_claims_of_any_issuer() -> None:
    settings = {"claims": {"sub": "pipeline:*", "protected": "true"}}
    claims = {"iss": "https://ci.example", "sub": "pipeline:1", "protected": True}
    any_issuer.check_claims(settings, claims)
    any_issuer.check_claims(settings, claims | {"event_name": "push"})
    any_issuer.check_claims(settings, claims | {"event_name": 5})
    changes: list[dict[str, Any]] = [{"sub": "job:1"}, {"protected": False}, {"event_name": "pull_request_target"}]
    for change in changes:
        with pytest.raises(ClaimMismatchError):
            any_issuer.check_claims(settings, claims | change)


@pytest.mark.parametrize(
    ("claims", "repository"),
    [({"sub": "s", "repository": "acme/widgets"}, "acme/widgets"), ({"sub": "s"}, "s"), ({}, "")],
)
def test_the_job_of_any_issuer(claims: dict[str, Any], repository: str) -> None:
    assert any_issuer.origin({"iss": "https://ci.example"} | claims) == Origin("https://ci.example", repository)
