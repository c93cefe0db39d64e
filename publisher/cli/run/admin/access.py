"""Tokens, roles, owners and the audit trail of a running index."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from publisher.cli.display.output import current_output
from publisher.cli.options.trust import TrustPlaceArgs
from publisher.cli.run.admin.connection import connected


def create_token(  # noqa: PLR0913 - one argument for each option
    place: TrustPlaceArgs,
    *,
    name: str,
    rights: Sequence[str],
    projects: Sequence[str],
    days: float | None,
    owner: str | None,
) -> None:
    """Create a token and print it alone on stdout."""
    body = {"name": name, "rights": list(rights), "projects": list(projects), "expires-days": days, "owner": owner}
    with connected(place, as_admin=owner is not None) as index:
        found = index.ask("POST", "-/tokens", body)
    output = current_output()
    output.say(f"Token {name!r} of {found['owner']}, shown only once: {_granted(found)}, {_end(found['expires'])}.")
    output.result(json.dumps(found, indent=2) if output.as_json else str(found["token"]))


def list_tokens(place: TrustPlaceArgs) -> None:
    """Print the tokens of the account, or everybody's for an admin."""
    with connected(place) as index:
        found = index.ask("GET", "-/tokens")
    output = current_output()
    if output.as_json:
        output.result(json.dumps(found, indent=2))
        return
    for token in found["tokens"]:
        used = f"used {token['last-used']}" if token["last-used"] else "not used yet"
        facts = f"{_granted(token)}  {_end(token['expires'])}  {used}{_withheld(token)}"
        output.result(f"{token['owner']}/{token['name']}  {facts}")
    if not found["tokens"]:
        output.say("No tokens.")


def revoke_token(place: TrustPlaceArgs, name: str) -> None:
    """Revoke a token: ``NAME`` of the account, or ``OWNER/NAME`` as an admin."""
    with connected(place, as_admin="/" in name) as index:
        found = index.ask("DELETE", f"-/tokens/{quote(name, safe='/@')}")
    output = current_output()
    if output.as_json:
        output.result(json.dumps(found, indent=2))
    output.say(f"The token {found['name']!r} of {found['owner']} is revoked, everywhere within seconds.")


def show_owners(place: TrustPlaceArgs, project: str, *, add: str | None, remove: str | None) -> None:
    """Print the maintainers of a project, after adding or removing one."""
    with connected(place, as_admin=True) as index:
        path = f"-/owners/{quote(project, safe='')}"
        found = index.ask("PUT", path, {"add": add, "remove": remove}) if add or remove else index.ask("GET", path)
    output = current_output()
    if output.as_json:
        output.result(json.dumps(found, indent=2))
        return
    for maintainer in found["maintainers"]:
        output.result(maintainer)
    if not found["maintainers"]:
        name = found["project"]
        output.say(f"The record of {name} names no maintainers; access.toml may still give accounts a role on it.")


def show_audit(place: TrustPlaceArgs, *, project: str | None, user: str | None, since: float | None) -> None:
    """Print the events of the audit trail, the oldest first."""
    given = {"project": project, "user": user, "since": since}
    query = urlencode({key: value for key, value in given.items() if value is not None})
    with connected(place, as_admin=True) as index:
        events = index.ask("GET", f"-/audit?{query}" if query else "-/audit")["events"]
    output = current_output()
    if output.as_json:
        output.result(json.dumps({"events": events}, indent=2))
        return
    for event in events:
        output.result(_line(event))
    if not events:
        output.say("No event matches.")


def _granted(token: dict[str, Any]) -> str:
    return "; ".join(f"{', '.join(grant['rights'])} on {grant['project']}" for grant in token["grants"])


def _withheld(token: dict[str, Any]) -> str:
    """Return the rights that a token was given and its owner lacks now."""
    now = {grant["projects"]: grant["rights"] for grant in token["rights-now"]}
    lost = [
        f"{', '.join(missing)} on {grant['project']}"
        for grant in token["grants"]
        if (missing := sorted({*grant["rights"]} - {*now.get(grant["project"], [])}))
    ]
    return f"  ({token['owner']} no longer has: {'; '.join(lost)})" if lost else ""


def _end(expires: float | None) -> str:
    return "never expires" if expires is None else f"until {datetime.fromtimestamp(expires, UTC):%Y-%m-%d}"


def _line(event: dict[str, Any]) -> str:
    """Return an event as one line: time, sender, deed, and whatever else is recorded."""
    known = {"v", "at", "user", "kind", "token", "what", "project", "from"}
    who = f"{event.get('user', '')}/{event['token']}" if "token" in event else str(event.get("user", ""))
    rest = " ".join(f"{key}={_value(key, value)}" for key, value in event.items() if key not in known)
    return "  ".join(
        filter(None, [str(event.get("at")), who, str(event.get("what")), event.get("project"), event.get("from"), rest])
    )


def _value(key: str, value: object) -> str:
    """Return a detail of an event: the end of a token as a date, everything else as JSON."""
    if key == "expires" and isinstance(value, int | float):
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d}"
    return json.dumps(value)
