"""A trusted publisher: an identity that an issuer vouches for, and the projects that it may publish."""

import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

from packaging.utils import canonicalize_name, is_normalized_name

from publisher.server.auth.oidc.errors import ClaimMismatchError, InvalidPublisherError
from publisher.server.auth.oidc.kinds import any_issuer, github, gitlab
from publisher.server.auth.oidc.kinds.patterns import claim
from publisher.server.auth.oidc.urls import check_url
from publisher.server.auth.principal import Origin
from publisher.server.settings import CLIENT_NAME

_PROJECTS = 50
_ID = re.compile(r"\d{1,20}")


class PublisherState(StrEnum):
    """The use of a publisher that may create a project: not used yet, creating it, or done with that."""

    PENDING = "pending"
    CREATING = "creating"
    ACTIVE = "active"


class PublisherKind(NamedTuple):
    """Differences between the systems that publish: the issuer, the settings, the claims."""

    issuer: str | None
    pinned: tuple[str, ...]
    check_settings: Callable[[Mapping[str, Any]], dict[str, Any]]
    check_claims: Callable[[Mapping[str, Any], Mapping[str, Any]], None]
    origin: Callable[[Mapping[str, Any]], Origin]


KINDS = {
    "github": PublisherKind(github.ISSUER, github.PINNED, github.check_settings, github.check_claims, github.origin),
    "gitlab": PublisherKind(gitlab.ISSUER, gitlab.PINNED, gitlab.check_settings, gitlab.check_claims, gitlab.origin),
    "oidc": PublisherKind(None, (), any_issuer.check_settings, any_issuer.check_claims, any_issuer.origin),
}


@dataclass(frozen=True)
class Publisher:
    """
    One trusted publisher; its name follows from its settings.

    ``projects`` are normalized names. ``voucher`` is the account that vouches for it, None for the administrator's
    token; a publisher never has more rights than its voucher. ``pins`` are claims that every token must have as the
    first one had them. ``registered_by`` and ``registered`` (seconds since 1970) say who registered it and when.
    """

    name: str
    kind: str
    issuer: str
    settings: Mapping[str, Any]
    projects: tuple[str, ...]
    voucher: str | None
    state: PublisherState = PublisherState.ACTIVE
    pins: Mapping[str, str] = field(default_factory=dict)
    serial: str = field(default_factory=lambda: secrets.token_hex(8))
    """Differs for every registration, also of the same publisher, so that everything of this one can be revoked."""
    registered_by: str = ""
    registered: float = 0.0

    @property
    def title(self) -> str:
        """The words for it in logs and lists."""
        if self.kind == "oidc":
            rules = ", ".join(f"{name}={pattern}" for name, pattern in self.settings["claims"].items())
            return f"{self.issuer} {rules}"
        return f"{self.settings['repository']} ({self.settings['workflow']})"

    def check(self, claims: Mapping[str, Any]) -> None:
        """Return when a verified token's claims are this publisher's; raise ClaimMismatchError otherwise."""
        if claim(claims, "iss") != self.issuer:
            raise ClaimMismatchError("The token comes from another issuer.")
        KINDS[self.kind].check_claims(self.settings, claims)
        for name, pinned in self.pins.items():
            if claim(claims, name) != pinned:
                raise ClaimMismatchError(
                    f"The claim {name} is {claim(claims, name)}, not {pinned}: this repository or owner only has the "
                    "same name."
                )

    def pinned_by(self, claims: Mapping[str, Any]) -> "Publisher":
        """Return it with the numbers of a token that `check` has accepted."""
        return replace(self, pins={**{name: claim(claims, name) for name in KINDS[self.kind].pinned}, **self.pins})

    def origin(self, claims: Mapping[str, Any]) -> Origin:
        """Return the job that a token was issued to."""
        return KINDS[self.kind].origin(claims)

    def as_json(self) -> dict[str, Any]:
        """Return it for storage and for lists."""
        return {
            "name": self.name,
            "kind": self.kind,
            "issuer": self.issuer,
            "settings": dict(self.settings),
            "projects": list(self.projects),
            "voucher": self.voucher,
            "state": self.state.value,
            "pins": dict(self.pins),
            "serial": self.serial,
            "registered_by": self.registered_by,
            "registered": self.registered,
        }


def create_publisher(values: Mapping[str, Any], voucher: str | None, by: str = "") -> Publisher:
    """Return the publisher that a request describes; raise InvalidPublisherError when it is not valid."""
    kind = KINDS.get(str(values.get("kind")))
    if kind is None:
        raise InvalidPublisherError(f"The kind of a publisher is one of {', '.join(KINDS)}.")
    issuer = values.get("issuer") or kind.issuer
    check_url(issuer)
    assert isinstance(issuer, str)  # noqa: S101 - for the type checker: `check_url` has looked
    if values["kind"] == "oidc" and issuer in {github.ISSUER, gitlab.ISSUER}:
        raise InvalidPublisherError(f"{issuer} has a kind of its own: github or gitlab.")
    projects = _projects(values.get("projects"))
    creates = values.get("creates") is True
    if creates and len(projects) != 1:
        raise InvalidPublisherError("A publisher that may create a project names exactly one.")
    given = values.get("settings")
    settings = kind.check_settings(given if isinstance(given, dict) else {})
    pins = _pins(values.get("pins"), kind.pinned)
    if CLIENT_NAME in projects and not (settings.get("environment") and set(pins) == set(kind.pinned)):
        raise InvalidPublisherError(
            f"Everyone runs {CLIENT_NAME}: its publisher needs an environment and the numbers of repository and owner."
        )
    return Publisher(
        _name(values["kind"], issuer, settings, voucher, projects[0] if creates or CLIENT_NAME in projects else ""),
        str(values["kind"]),
        issuer,
        settings,
        projects,
        voucher,
        PublisherState.PENDING if creates else PublisherState.ACTIVE,
        pins,
        registered_by=by,
        registered=time.time(),
    )


def publisher_from_json(found: Mapping[str, Any]) -> Publisher:
    """Return a publisher as `Publisher.as_json` stored it."""
    return Publisher(
        found["name"],
        found["kind"],
        found["issuer"],
        found["settings"],
        tuple(found["projects"]),
        found["voucher"],
        PublisherState(found["state"]),
        found["pins"],
        found["serial"],
        str(found.get("registered_by", "")),
        float(found.get("registered", 0.0)),
    )


def _name(kind: str, *identity: Any) -> str:
    digest = hashlib.sha256(json.dumps([kind, *identity], sort_keys=True).encode()).hexdigest()
    return f"{kind}-{digest[:8]}"


def _projects(found: Any) -> tuple[str, ...]:
    if not isinstance(found, list) or not 0 < len(found) <= _PROJECTS:
        raise InvalidPublisherError(f"A publisher names 1 to {_PROJECTS} projects.")
    names = []
    for each in found:
        name = canonicalize_name(each) if isinstance(each, str) else ""
        if not is_normalized_name(name):
            raise InvalidPublisherError(f"{each!r} is not a project name.")
        names.append(name)
    if CLIENT_NAME in names and len(names) > 1:
        raise InvalidPublisherError(f"A publisher of {CLIENT_NAME} publishes nothing else.")
    return tuple(sorted(set(names)))


def _pins(found: Any, known: tuple[str, ...]) -> dict[str, str]:
    pins = found if isinstance(found, dict) else {}
    for name, value in pins.items():
        if name not in known or not isinstance(value, str) or not _ID.fullmatch(value):
            raise InvalidPublisherError(f"{name}: {value!r} is not a number that this kind of publisher has.")
    return dict(pins)
