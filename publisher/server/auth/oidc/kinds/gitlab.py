"""Publishers in GitLab CI/CD: the settings of one, and the claims that its tokens must have."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from publisher.server.auth.oidc.errors import ClaimMismatchError
from publisher.server.auth.oidc.kinds.patterns import claim, expect, expect_match, folded, require_known, setting
from publisher.server.auth.principal import Origin

ISSUER = "https://gitlab.com"
PINNED = ("project_id", "namespace_id")
"""Claims that are taken from the first token: names can change hands, these numbers never do."""

_NOT_MERGED = {"merge_request_event", "external_pull_request_event"}


def check_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a publisher; raise InvalidPublisherError for one that is not valid."""
    require_known(given, "repository", "workflow", "environment", "ref")
    return {
        "repository": setting(given, "repository", r"[A-Za-z0-9_][\w.-]*(/[\w.-]+)+"),
        "workflow": setting(given, "workflow", r"[\w./-]+\.ya?ml", ".gitlab-ci.yml"),
        "environment": setting(given, "environment", r".*", ""),
        "ref": setting(given, "ref", r"refs/\S+|\*", "refs/tags/*"),
    }


def check_claims(settings: Mapping[str, Any], claims: Mapping[str, Any]) -> None:
    """Return when a token's claims are those of a publisher; raise ClaimMismatchError otherwise."""
    expect(claims, "project_path", settings["repository"], exact_case=False)
    found, _, at = claim(claims, "ci_config_ref_uri").partition("@")
    path = f"{urlsplit(claim(claims, 'iss')).netloc}/{settings['repository']}//{settings['workflow']}"
    if not _same_file(found, path):
        raise ClaimMismatchError(f"The claim ci_config_ref_uri is {found!r}, not {path!r}.")
    if at != claim(claims, "ref_path") and at != claims.get("sha"):
        raise ClaimMismatchError(f"The configuration file comes from {at!r}, but the job runs for another ref.")
    _refuse_merge_requests(claims)
    expect_match(claims, "ref_path", settings["ref"])
    if settings["environment"]:
        expect(claims, "environment", settings["environment"])


def _refuse_merge_requests(claims: Mapping[str, Any]) -> None:
    """Refuse pipelines of merge requests, whatever refs may publish: they run code that is not merged yet."""
    source = str(claims.get("pipeline_source", ""))
    if source in _NOT_MERGED or claim(claims, "ref_path").startswith("refs/merge-requests/"):
        raise ClaimMismatchError(f"The pipeline belongs to a merge request ({source or claim(claims, 'ref_path')}).")


def origin(claims: Mapping[str, Any]) -> Origin:
    """Return the job that a token was issued to."""
    issuer, project = claim(claims, "iss"), claim(claims, "project_path")
    pipeline = str(claims.get("pipeline_id", ""))
    run = f"{issuer}/{project}/-/pipelines/{pipeline}" if pipeline else ""
    return Origin(issuer, project, str(claims.get("sha", "")), run)


def _same_file(found: str, wanted: str) -> bool:
    """Compare the project without regard to upper and lower case, and the file with it."""
    project, _, file = found.partition("//")
    wanted_project, _, wanted_file = wanted.partition("//")
    return (folded(project), file) == (folded(wanted_project), wanted_file)
