"""Search order for an index's credentials."""

from collections.abc import Callable
from dataclasses import dataclass, field

from publisher.client.url import IndexUrl
from publisher.credentials import keyring
from publisher.credentials.netrc import DEFAULT, netrc_file, parse_netrc
from publisher.credentials.remembered import remembered_username
from publisher.credentials.trusted import TrustedLogin
from publisher.errors import HOW_TO_LOG_IN, ConfigurationError, CredentialsError, NoCredentialsError
from publisher.secret import FROM_OPTIONS, Credentials, Secret, is_unicode, trimmed

Prompt = Callable[[str | None], Credentials]
"""Ask a person for missing credentials; the argument is the user name if it is known."""


@dataclass(frozen=True)
class Target:
    """
    An index, the user from options and environment, and a prompt, which is None without a terminal.

    ``trusted`` is the identity of a CI job; None for commands that don't use it.
    """

    url: IndexUrl
    username: str | None = None
    password: Secret | None = field(default=None, repr=False)
    prompt: Prompt | None = None
    trusted: TrustedLogin | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "username", trimmed(self.username or "") or None)
        for words, text in (("user name", self.username), ("password", self.password and self.password.reveal())):
            if text and not is_unicode(text):
                raise ConfigurationError(
                    f"The {words} is not valid UTF-8.", hint="Save it as UTF-8 where it comes from, or type it in."
                )


def find_credentials(target: Target) -> Credentials:
    """
    Return the credentials of the first place that has them.

    The places are options and environment, trusted publishing, keyring, netrc, a prompt; where trusted publishing is
    required, there is no other one.

    Raises CredentialsError when no place has them, or when one that should have them is broken.
    """
    index, trusted = target.url, target.trusted
    if trusted is not None and trusted.is_required and (job := trusted.find(index)) is not None:
        return job
    username = target.username or index.username
    password = target.password or index.password
    if password:
        if not username:
            raise CredentialsError(
                "A password is set, but no user name.",
                hint="Pass --username, or set PYPI_PUBLISH_USERNAME or `username` in [tool.pypi-publish].",
            )
        return Credentials(username, password, FROM_OPTIONS)
    found = trusted.find(index) if trusted is not None else None
    found = found or in_keyring(index, username) or in_netrc(index, username)
    if found is None and target.prompt is not None:
        found = target.prompt(username)
    if found is None:
        place = f"{username} on {index}" if username else index
        reason = f"\n{trusted.reason}" if trusted is not None and trusted.explains else ""
        raise NoCredentialsError(f"No credentials for {place}.{reason}", hint=HOW_TO_LOG_IN)
    return found


def in_keyring(url: IndexUrl, username: str | None) -> Credentials | None:
    """
    Return keyring's credentials for an index: those of the named user, else of the last login.

    Raises CredentialsError when there is a keyring and it fails.
    """
    found = keyring.find(url.keyring_services, username or remembered_username(url.root))
    return Credentials(*found, source="keyring") if found else None


def in_netrc(url: IndexUrl, username: str | None) -> Credentials | None:
    """
    Return the entry of the index's host in the file that curl, pip and requests read too.

    Raises CredentialsError when there is such a file and it can't be used.
    """
    path = netrc_file()
    if path is None:
        return None
    try:
        entries = parse_netrc(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, ConfigurationError) as error:
        raise CredentialsError(
            f"The netrc file {path} can't be used: {error}",
            hint="Fix it (one `machine HOST login NAME password PASSWORD` for each host), or move it away.",
        ) from error
    found = entries.get(url.host, entries.get(DEFAULT))
    return found if found is not None and username in {None, found.username} else None
