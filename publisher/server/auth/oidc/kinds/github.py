"""Publishers in GitHub Actions: the settings of one, and the claims that its tokens must have."""

from collections.abc import Mapping
from typing import Any

from publisher.server.auth.oidc.errors import ClaimMismatchError, InvalidPublisherError
from publisher.server.auth.oidc.kinds.patterns import (
    claim,
    expect,
    expect_match,
    folded,
    matches,
    require_known,
    setting,
)
from publisher.server.auth.principal import Origin

ISSUER = "https://token.actions.githubusercontent.com"
PINNED = ("repository_id", "repository_owner_id")
"""Claims that are taken from the first token: names can change hands, these numbers never do."""

_FOLDER = ".github/workflows"
_CALLED = r"[\w.-]+/[\w.-]+/\.github/workflows/[\w.-]+\.ya?ml(@\S+)?"


def check_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a publisher; raise InvalidPublisherError for one that is not valid."""
    require_known(given, "repository", "workflow", "environment", "ref", "called_workflows")
    called = given.get("called_workflows", [])
    if not isinstance(called, list) or len(called) > 20:
        raise InvalidPublisherError("called_workflows is not a list.")
    return {
        "repository": setting(given, "repository", r"[A-Za-z0-9][\w.-]*/[\w.-]+"),
        "workflow": setting(given, "workflow", r"[\w.-]+\.ya?ml"),
        "environment": setting(given, "environment", r".*", ""),
        "ref": setting(given, "ref", r"refs/\S+|\*", "refs/tags/*"),
        "called_workflows": [setting({"called_workflow": each}, "called_workflow", _CALLED) for each in called],
    }


def check_claims(settings: Mapping[str, Any], claims: Mapping[str, Any]) -> None:
    """Return when a token's claims are those of a publisher; raise ClaimMismatchError otherwise."""
    repository = settings["repository"]
    expect(claims, "repository", repository, exact_case=False)
    expect(claims, "repository_owner", repository.partition("/")[0], exact_case=False)
    _refuse_pull_requests(claims)
    path = f"{repository}/{_FOLDER}/{settings['workflow']}"
    _expect_workflow(claims, path)
    _expect_called(claims, settings["called_workflows"])
    expect_match(claims, "ref", settings["ref"])
    if settings["environment"]:
        expect(claims, "environment", settings["environment"], exact_case=False)


def _refuse_pull_requests(claims: Mapping[str, Any]) -> None:
    """Refuse jobs of pull requests, whatever refs may publish: they run code, and some a workflow, not merged yet."""
    event = claim(claims, "event_name")
    if event.startswith("pull_request"):
        raise ClaimMismatchError(f"A job for the event {event} runs with other people's code.")
    if claim(claims, "ref").startswith("refs/pull/"):
        raise ClaimMismatchError(f"The ref {claim(claims, 'ref')} belongs to a pull request.")


def origin(claims: Mapping[str, Any]) -> Origin:
    """Return the job that a token was issued to."""
    issuer, repository = claim(claims, "iss"), claim(claims, "repository")
    server = str(claims.get("server_url") or ("https://github.com" if issuer == ISSUER else ""))
    run = str(claims.get("run_id", ""))
    url = f"{server}/{repository}/actions/runs/{run}" if server and run else run
    return Origin(issuer, repository, str(claims.get("sha", "")), url)


def _expect_workflow(claims: Mapping[str, Any], path: str) -> None:
    """Expect the file of the workflow that was started, as it is at the ref of the run."""
    found, _, at = claim(claims, "workflow_ref").partition("@")
    owner, name, file = _parts(found)
    wanted = _parts(path)
    if (folded(owner), folded(name), file) != (folded(wanted[0]), folded(wanted[1]), wanted[2]):
        raise ClaimMismatchError(f"The claim workflow_ref is {found!r}, not {path!r}.")
    if at != claim(claims, "ref") and at != claims.get("sha"):
        raise ClaimMismatchError(f"The workflow file comes from {at!r}, but the job runs for another ref.")


def _expect_called(claims: Mapping[str, Any], called: list[str]) -> None:
    """Expect the job in the workflow itself, or in one that it may call."""
    found = claim(claims, "job_workflow_ref")
    if found == claim(claims, "workflow_ref"):
        return
    if not any(matches(each if "@" in each else f"{each}@*", found) for each in called):
        raise ClaimMismatchError(
            f"The job is defined in {found!r}, which the publisher's workflow is not allowed to call "
            "(`trust add github --called-workflow` allows it)."
        )


def _parts(path: str) -> tuple[str, str, str]:
    owner, _, rest = path.partition("/")
    name, _, file = rest.partition("/")
    return owner, name, file
