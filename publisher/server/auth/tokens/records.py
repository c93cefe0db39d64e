"""The records of stored tokens, in one file with the accounts: hashes, owners, grants, and no token."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from publisher.server.auth.access.rules import parse_pattern, parse_rights
from publisher.server.auth.principal import WORKING_RIGHTS, Grant, Right
from publisher.server.storage.json_text import parse_json

KEY = "tokens.json"
"""The file, beside the accounts."""

FORMAT = 1
TOKENS_EACH = 200
"""Maximum number of tokens of an account."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")


class InvalidTokenRequestError(ValueError):
    """A token with such a name, such rights or such an end can't be made; the text says why."""


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A stored token; times are seconds since 1970, ``expires`` is None for one that doesn't end by itself."""

    identifier: str
    name: str
    owner: str
    digest: str = field(repr=False)
    """SHA-256 of the token in hexadecimal: a token has too many bits to be guessed from it."""
    grants: tuple[Grant, ...]
    created: float
    created_by: str
    expires: float | None = None

    @property
    def is_expired(self) -> bool:
        """Whether its time is over."""
        return self.expires is not None and time.time() >= self.expires

    @property
    def ends_at(self) -> float:
        """The monotonic time of its end."""
        return float("inf") if self.expires is None else time.monotonic() + self.expires - time.time()

    def as_record(self) -> dict[str, Any]:
        """Return it as it is written."""
        grants = [{"rights": sorted(grant.rights), "project": grant.pattern} for grant in self.grants]
        found = {"id": self.identifier, "name": self.name, "owner": self.owner, "sha256": self.digest}
        return {**found, "grants": grants, "created": self.created, "by": self.created_by, "expires": self.expires}

    def shown(self, last_used: str | None) -> dict[str, Any]:
        """Return its properties as its owner sees them."""
        found = self.as_record()
        del found["sha256"]
        return {**found, "last-used": last_used}


def parse_records(data: bytes | None) -> Mapping[str, TokenRecord]:
    """Return the tokens of a file by identifier; a record of a later version is passed over, and so no token."""
    found: dict[str, TokenRecord] = {}
    for each in read_document(data)["tokens"]:
        try:
            grants = tuple(
                Grant(parse_rights(grant["rights"]), parse_pattern(grant["project"])) for grant in each["grants"]
            )
            expires = None if each["expires"] is None else float(each["expires"])
            identity = str(each["id"]), str(each["name"]), str(each["owner"]), str(each["sha256"])
            record = TokenRecord(*identity, grants, float(each["created"]), str(each["by"]), expires)
        except (ValueError, KeyError, TypeError):
            continue
        found[record.identifier] = record
    return found


def read_document(data: bytes | None) -> dict[str, Any]:
    """Return a file's JSON, with whatever else it has."""
    found = parse_json(data) if data else {"v": FORMAT, "tokens": []}
    if not isinstance(found, dict) or not isinstance(found.get("tokens"), list):
        raise ValueError("the file with tokens has no list of them")  # noqa: TRY004 - it is the file that is wrong
    return found


def check_request(name: str, rights: Sequence[str], projects: Sequence[str]) -> tuple[Grant, ...]:
    """Return the grants of a new token; raise InvalidTokenRequestError for grants that no token may have."""
    if not _NAME.fullmatch(name):
        raise InvalidTokenRequestError(
            "The token's name must have 1 to 64 ASCII letters, digits and any of . _ @ + -, "
            "and begin with a letter or digit."
        )
    unknown = set(rights) - set(WORKING_RIGHTS)
    if unknown or not rights:
        known = ", ".join(sorted(WORKING_RIGHTS))
        raise InvalidTokenRequestError(f"Unknown rights {', '.join(sorted(unknown)) or '(none)'}: expected {known}.")
    try:
        patterns = [parse_pattern(project) for project in projects or ["*"]]
    except ValueError as error:
        raise InvalidTokenRequestError(f"{error}.") from error
    if Right.CREATE in rights and any("*" in pattern for pattern in patterns):
        raise InvalidTokenRequestError("The right 'create' is for one name at a time: name the project without '*'.")
    return tuple(Grant(frozenset(map(Right, rights)), pattern) for pattern in patterns)
