"""The chain in which credentials for an index are looked for."""

import netrc
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from publisher.client.url import IndexUrl
from publisher.credentials import keyring as keyrings
from publisher.credentials import remembered as logins
from publisher.errors import HOW_TO_LOG_IN, CredentialsError, NoCredentialsError
from publisher.secret import Credentials, Secret

Prompt = Callable[[str | None], Credentials]
"""Ask a person for what is missing; the argument is the user name when it is known already."""


@dataclass(frozen=True)
class Target:
    """An index, what options and environment say of the user there, and how to ask a person; None if nobody can be."""

    url: IndexUrl
    username: str | None = None
    password: Secret | None = field(default=None, repr=False)
    prompt: Prompt | None = None


def find_credentials(target: Target) -> Credentials:
    """
    Return the credentials of the first place that has them: options and environment, keyring, netrc, a prompt.

    Raises CredentialsError when no place has them, or when one that should have them is broken.
    """
    index = target.url
    username = target.username or index.username
    password = target.password or index.password
    if password:
        if not username:
            raise CredentialsError(
                "There is a password but no user name.",
                hint="Give it with --username, PYPI_PUBLISH_USERNAME, or `username` in [tool.pypi-publish].",
            )
        return Credentials(username, password, "options and environment")
    found = in_keyring(index, username) or in_netrc(index, username)
    if found is None and target.prompt is not None:
        found = target.prompt(username)
    if found is None:
        who = f" of {username}" if username else ""
        raise NoCredentialsError(f"There are no credentials{who} for {index}.", hint=HOW_TO_LOG_IN)
    return found


def in_keyring(url: IndexUrl, username: str | None) -> Credentials | None:
    """
    Return what keyring has for an index: of the user who is named, or else of the one who logged in last.

    Raises CredentialsError when there is a keyring and it fails.
    """
    found = keyrings.find(url.keyring_services, username or logins.remembered_username(url.root))
    return Credentials(*found, source="keyring") if found else None


def in_netrc(url: IndexUrl, username: str | None) -> Credentials | None:
    """
    Return the entry of the index's host in the file that curl, pip and requests read too.

    Raises CredentialsError when there is such a file and it can't be used.
    """
    try:
        path = netrc_file()
        entry = netrc.netrc(path).authenticators(url.host) if path else None
    except (netrc.NetrcParseError, OSError, RuntimeError, UnicodeDecodeError) as error:
        raise CredentialsError(
            f"The netrc file cannot be used: {getattr(error, 'msg', error)}.",
            hint="Mend it (mode 600, one `machine HOST login NAME password PASSWORD` for each host), or move it away.",
        ) from error
    if entry is None or not entry[0] or not entry[2] or username not in {None, entry[0]}:
        return None
    return Credentials(entry[0], Secret(entry[2]), source="netrc")


def netrc_file() -> Path | None:
    """Return the netrc file that is in force, or None; raise RuntimeError where there is no home to look in."""
    candidates = [Path(named)] if (named := os.environ.get("NETRC")) else [Path("~/.netrc"), Path("~/_netrc")]
    return next((path for place in candidates if (path := place.expanduser()).is_file()), None)
