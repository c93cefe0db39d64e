"""Setting a role on a running index, and reporting the rules that give the account more rights than that."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from publisher.cli.display.output import current_output
from publisher.cli.options.trust import TrustPlaceArgs
from publisher.cli.run.admin.connection import connected

_SHOWN = 3


def set_role(place: TrustPlaceArgs, name: str, role: str, project: str) -> None:
    """Give a user or group a role, and report the rules that give it more than that."""
    with connected(place, as_admin=True) as index:
        found = index.ask("PUT", "-/roles", {"name": name, "role": role, "project": project})
    output = current_output()
    if output.as_json:
        output.result(json.dumps(found, indent=2))
    now = f"{name} has no role on {project} any more" if role == "none" else f"{name} is {role} of {project}"
    wider: list[Mapping[str, Any]] = found.get("wider", [])
    rules = [rule for rule in wider if rule["rule"] != "record"]
    still = [_rule(name, rule) for rule in rules]
    if maintained := [str(rule["project"]) for rule in wider if rule["rule"] == "record"]:
        still.append(f"{name} still maintains {_few(maintained)}")
    output.say(f"{now}, but {still[0]}." if still else f"{now}.")
    if not found.get("known", True) and role != "none":
        output.say(f"No account is named {name}. If you create one, it will have this role.")
    for more in still[1:]:
        output.say(f"Also, {more}.")
    if rules:
        output.say("Rights add up: lower these rules in access.toml, beside the accounts, to take rights away.")
    if maintained:
        output.say(f"`pypi-publish projects owners NAME --remove {name}` removes a maintainer.")


def _rule(name: str, rule: Mapping[str, Any]) -> str:
    """Return the part of a sentence for a rule with more rights."""
    whom = "every account" if rule["rule"] == "[everyone]" else name
    if rule["role"] is not None:
        return f"{rule['rule']} still makes {whom} {rule['role']} of {rule['project']}"
    return f"{rule['rule']} still gives {whom} {', '.join(rule['rights'])} on {rule['project']}"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
