"""Registering, listing and removing trusted publishers."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from publisher.cli.display.output import current_output
from publisher.cli.options.target import TargetArgs
from publisher.cli.options.trust import TrustArgs, TrustPlaceArgs
from publisher.cli.run.resolve import project_config, resolve_target
from publisher.client.accounts import TOKEN_VARIABLE
from publisher.client.http import BasicAuth, BearerAuth
from publisher.client.publishers import PublisherAdmin
from publisher.credentials.admin_token import find_token
from publisher.credentials.chain import find_credentials
from publisher.errors import ConfigurationError, CredentialsError
from publisher.github.provenance import find_action_ref

_OWN_WORKFLOW = ".github/workflows/publish.yaml"
"""The workflow of this project that others call."""


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
            "The first job decides which repository of this name is meant. To decide now, add its numbers: "
            f"`gh api repos/{repository} --jq '\"--repository-id \\(.id) --owner-id \\(.owner.id)\"'` prints them."
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
    with _connected(place) as admin:
        found = admin.list()
    output = current_output()
    if output.as_json:
        output.result(json.dumps({"publishers": found}, indent=2))
        return
    for publisher in found:
        output.result(f"{publisher['name']}  {publisher['title']}  {_projects(publisher)}")
    if not found:
        output.say("There are no trusted publishers.")


def remove_publisher(place: TrustPlaceArgs, name: str) -> None:
    """Remove a publisher, and print its title."""
    with _connected(place) as admin:
        removed = admin.remove(name)
    output = current_output()
    if output.as_json:
        output.result(json.dumps({"publisher": removed, "status": "removed"}, indent=2))
    output.say(f"{removed['title']} may no longer publish {_projects(removed)}.")


def _add(place: TrustPlaceArgs, trust: TrustArgs, described: Mapping[str, Any]) -> None:
    with _connected(place) as admin:
        added = admin.add({**described, "projects": list(trust.projects), "creates": trust.create})
    output = current_output()
    if output.as_json:
        output.result(json.dumps({"publisher": added}, indent=2))
    else:
        output.result(added["name"])
    creates = ", which it may create" if added["state"] == "pending" else ""
    output.say(f"{added['title']} may publish {_projects(added)}{creates}.")


@contextmanager
def _connected(place: TrustPlaceArgs) -> Iterator[PublisherAdmin]:
    """Yield a connection with the administrator's token, or with an account where one is named or there is no token."""
    config = project_config([])
    target = resolve_target(TargetArgs(place.index_url, place.username), config, or_login=True)
    auth: BasicAuth | BearerAuth | None = None
    if place.username is None or os.environ.get(TOKEN_VARIABLE):
        try:
            auth = BearerAuth(find_token(target.url, os.environ))
        except CredentialsError:
            auth = None
    if auth is None:
        credentials = find_credentials(target)
        auth = BasicAuth(credentials.username, credentials.password)
    admin = PublisherAdmin(target.url, auth)
    try:
        yield admin
    finally:
        admin.close()


def _warn_without_environment(trust: TrustArgs) -> None:
    if not trust.environment:
        current_output().warn(
            f"Without --environment, everybody who may push a ref like {trust.ref} there may publish "
            f"{' '.join(trust.projects)}. An environment with required reviewers asks a person first."
        )


def _given(pins: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in pins.items() if value is not None}


def _projects(publisher: Mapping[str, Any]) -> str:
    return " ".join(publisher["projects"])
