"""Patterns of claims: a text in which ``*`` stands for any text."""

import re
from collections.abc import Mapping
from typing import Any

from publisher.server.auth.oidc.errors import ClaimMismatchError, InvalidPublisherError

LONGEST = 500
"""Characters of one setting of a publisher."""


def matches(pattern: str, text: str) -> bool:
    """Return whether a pattern matches a whole text, in which upper and lower case differ."""
    first, *others = pattern.split("*")
    if not others:
        return pattern == text
    if not text.startswith(first) or not text.endswith(others[-1]):
        return False
    position, end = len(first), len(text) - len(others[-1])
    for part in others[:-1]:  # the first place of each is the best one: an expression would try all of them
        found = text.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return position <= end


def claim(claims: Mapping[str, Any], name: str) -> str:
    """Return a claim as text; raise ClaimMismatchError when it is missing or neither a text nor a number."""
    value = claims.get(name)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int) and value != "":
        return str(value)
    raise ClaimMismatchError(f"The token has no claim {name}.")


def expect(claims: Mapping[str, Any], name: str, wanted: str, *, exact_case: bool = True) -> None:
    """Return when a claim is a text; raise ClaimMismatchError otherwise."""
    found = claim(claims, name)
    if found != wanted and (exact_case or folded(found) != folded(wanted)):
        raise ClaimMismatchError(f"The claim {name} is {found!r}, not {wanted!r}.")


def folded(text: str) -> str:
    """Return a text with its ASCII letters in lower case; the Kelvin sign stays, though its lower case is "k"."""
    return text.lower() if text.isascii() else text


def expect_match(claims: Mapping[str, Any], name: str, *patterns: str) -> None:
    """Return when a claim matches one of some patterns; raise ClaimMismatchError otherwise."""
    found = claim(claims, name)
    if not any(matches(pattern, found) for pattern in patterns):
        raise ClaimMismatchError(f"The claim {name} is {found!r}, which matches none of {', '.join(patterns)}.")


def setting(settings: Mapping[str, Any], name: str, form: str = r".+", default: str | None = None) -> str:
    """Return a setting of a publisher, which has a form; raise InvalidPublisherError otherwise."""
    value = settings.get(name, default)
    if value is None:
        raise InvalidPublisherError(f"The publisher lacks {name}.")
    if not isinstance(value, str) or not value.isprintable() or len(value) > LONGEST or not re.fullmatch(form, value):
        raise InvalidPublisherError(f"{name}: {value!r} is not valid.")
    return value


def require_known(settings: Mapping[str, Any], *names: str) -> None:
    """Return when a publisher has no other settings; raise InvalidPublisherError for one that would do nothing."""
    for name in settings:
        if name not in names:
            raise InvalidPublisherError(f"Unknown setting {name[:80]!r}: expected {', '.join(names)}.")
