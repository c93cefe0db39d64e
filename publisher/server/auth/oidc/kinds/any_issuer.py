"""Publishers of any OpenID Connect issuer: a rule for each claim that its tokens must have."""

from collections.abc import Mapping
from typing import Any

from publisher.server.auth.oidc.errors import ClaimMismatchError, InvalidPublisherError
from publisher.server.auth.oidc.kinds.patterns import claim, expect_match, require_known, setting
from publisher.server.auth.principal import Origin

_RESERVED = {"iss", "aud", "exp", "nbf", "iat", "jti"}
"""Claims that are checked for every publisher."""

_RULES = 20


def check_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a publisher; raise InvalidPublisherError for one that is not valid."""
    require_known(given, "claims")
    rules = given.get("claims")
    if not isinstance(rules, dict) or not 0 < len(rules) <= _RULES:
        raise InvalidPublisherError("The publisher needs a rule for at least one claim, such as sub.")
    found = {}
    for name in rules:
        setting({"claim": name}, "claim", r"[\w.:/-]+")
        if name in _RESERVED:
            raise InvalidPublisherError(f"The claim {name} is always checked.")
        found[name] = setting(rules, name)
        if not found[name].strip("*"):
            raise InvalidPublisherError(f"The rule for the claim {name} matches every value.")
    return {"claims": found}


def check_claims(settings: Mapping[str, Any], claims: Mapping[str, Any]) -> None:
    """Return when a token's claims are those of a publisher; raise ClaimMismatchError otherwise."""
    event = claims.get("event_name")
    if isinstance(event, str) and event.startswith("pull_request"):
        raise ClaimMismatchError(f"A job for the event {event} runs with other people's code.")
    for name, pattern in settings["claims"].items():
        expect_match(claims, name, pattern)


def origin(claims: Mapping[str, Any]) -> Origin:
    """Return the job that a token was issued to."""
    return Origin(claim(claims, "iss"), str(claims.get("repository") or claims.get("sub") or ""))
