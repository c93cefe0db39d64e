"""Registering, listing and removing trusted publishers."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from publisher.cli.display.output import current_output
from publisher.cli.options.trust import TrustArgs, TrustPlaceArgs
from publisher.cli.run.admin.connection import connected
from publisher.client.access import AccessHints
from publisher.client.accounts import TOKEN_VARIABLE
from publisher.errors import ConfigurationError
from publisher.github.provenance import find_action_ref

_OWN_WORKFLOW = ".github/workflows/publish.yaml"
"""The workflow of this project that others call."""

_WHO_MAY = (
    f"Use an account whose role manages the project, or the admin token in {TOKEN_VARIABLE}; "
    "without roles, only the admin token can do this."
)
_HINTS = AccessHints(
    refused=_WHO_MAY,
    lacks_right=_WHO_MAY,
    not_offered="Ask the index's administrator to restart it so; until then, jobs publish with a token "
    "(`pypi-publish token create`).",
    unknown="`pypi-publish trust list` shows the names.",
)


def add_github(  # noqa: PLR0913, PLR0917 - one argument for each thing that is registered
    place: TrustPlaceArgs,
    trust: TrustArgs,
    repository: str,
    workflow: str,
    pins: Mapping[str, str | None],
    called: Sequence[str],
    issuer: str | None,
) -> None:
    """Register a workflow of a GitHub repository; it may call this project's own, where that is known."""
    own = find_action_ref()
    allowed = [*called, *([f"{own.repository}/{_OWN_WORKFLOW}"] if own is not None else [])]
    settings = {
        "repository": repository,
        "workflow": workflow,
        "environment": trust.environment,
        "ref": trust.ref,
        "called_workflows": allowed,
    }
    _add(place, trust, {"kind": "github", "issuer": issuer, "settings": settings, "pins": _given(pins)})
    output = current_output()
    _warn_without_environment(trust)
    if len(_given(pins)) < len(pins):
        output.say(
            "The first job that publishes pins the repository's and owner's numbers. To pin them now, add the options "
            f"printed by `gh api repos/{repository} --jq '\"--repository-id \\(.id) --owner-id \\(.owner.id)\"'`."
        )


def add_gitlab(  # noqa: PLR0913, PLR0917 - one argument for each thing that is registered
    place: TrustPlaceArgs,
    trust: TrustArgs,
    project_path: str,
    config_file: str,
    pins: Mapping[str, str | None],
    issuer: str | None,
) -> None:
    """Register the pipelines of a GitLab project."""
    settings = {
        "repository": project_path,
        "workflow": config_file,
        "environment": trust.environment,
        "ref": trust.ref,
    }
    _add(place, trust, {"kind": "gitlab", "issuer": issuer, "settings": settings, "pins": _given(pins)})
    _warn_without_environment(trust)


def add_oidc(place: TrustPlaceArgs, trust: TrustArgs, issuer: str, claims: Sequence[str]) -> None:
    """Register the tokens of an issuer by rules for their claims."""
    rules = {}
    for text in claims:
        name, equals, pattern = text.partition("=")
        if not equals or not name or not pattern:
            raise ConfigurationError(
                f"--claim {text!r}: expected NAME=PATTERN.", hint="For example sub=pipeline:acme/*."
            )
        rules[name] = pattern
    _add(place, trust, {"kind": "oidc", "issuer": issuer, "settings": {"claims": rules}})


def list_publishers(place: TrustPlaceArgs) -> None:
    """Print the publishers: name, identity, projects."""
    with connected(place, as_admin=True, hints=_HINTS) as index:
        found = index.ask("GET", "-/trust")["publishers"]
    output = current_output()
    if output.as_json:
        output.result(json.dumps({"publishers": found}, indent=2))
        return
    for publisher in found:
        facts = f"{_projects(publisher)}  {_standing(publisher)}{_age(publisher)}"
        output.result(f"{publisher['name']}  {publisher['title']}  {facts}")
    if not found:
        output.say("No trusted publishers.")


def remove_publisher(place: TrustPlaceArgs, name: str) -> None:
    """Remove a publisher, and print its title."""
    with connected(place, as_admin=True, hints=_HINTS) as index:
        removed = index.ask("DELETE", f"-/trust/{quote(name, safe='')}")["publisher"]
    output = current_output()
    if output.as_json:
        output.result(json.dumps({"publisher": removed, "status": "removed"}, indent=2))
    output.say(f"{removed['title']} may no longer publish {_projects(removed)}.")


def _add(place: TrustPlaceArgs, trust: TrustArgs, described: Mapping[str, Any]) -> None:
    values = {**described, "projects": list(trust.projects), "creates": trust.create, "voucher": trust.voucher}
    with connected(place, as_admin=True, hints=_HINTS) as index:
        added = index.ask("POST", "-/trust", values)["publisher"]
    output = current_output()
    if output.as_json:
        output.result(json.dumps({"publisher": added}, indent=2))
    else:
        output.result(added["name"])
    creates = ", which it may create" if added["state"] == "pending" else ""
    output.say(f"{added['title']} may publish {_projects(added)}{creates}; {added['vouched-by']} vouches for it.")
    for project, standing in added["standing"].items():
        if not standing and added["state"] == "active":
            output.warn(
                f"{added['vouched-by']} lacks the right 'manage' on {project}: jobs are refused until it has that."
            )


def _warn_without_environment(trust: TrustArgs) -> None:
    if not trust.environment:
        current_output().warn(
            f"Without --environment, everyone who can push a ref like {trust.ref} there can publish "
            f"{' '.join(trust.projects)}. With an environment that has required reviewers, someone must approve first."
        )


def _given(pins: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in pins.items() if value is not None}


def _projects(publisher: Mapping[str, Any]) -> str:
    return " ".join(publisher["projects"])


def _standing(publisher: Mapping[str, Any]) -> str:
    """Return the voucher of a publisher, its right, and the projects without it."""
    voucher, standing = publisher["vouched-by"], publisher["standing"]
    lost = [project for project, by in standing.items() if not by]
    if lost:
        return f"vouched for by {voucher}, who lacks 'manage' on {' '.join(lost)}: jobs are refused"
    return f"vouched for by {voucher} ({', '.join(sorted(set(standing.values())))})"


def _age(publisher: Mapping[str, Any]) -> str:
    registered = publisher["registered"]
    return f"  since {datetime.fromtimestamp(registered, UTC):%Y-%m-%d}" if registered else ""
