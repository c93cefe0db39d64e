"""The checks of credentials: their places, their agreement, and the index's verdict."""

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import NamedTuple

from publisher import __version__
from publisher.client.models import Account
from publisher.credentials.chain import Target, in_keyring, in_netrc
from publisher.credentials.login import prove
from publisher.credentials.netrc import netrc_file
from publisher.credentials.remembered import remembered_username
from publisher.errors import HOW_TO_LOG_IN, CredentialsError, PublishError
from publisher.machine.diagnosis import Area, Diagnosis, Reporter
from publisher.machine.doctor.index import Reached
from publisher.secret import FROM_NETRC, FROM_OPTIONS, Credentials

_CREDENTIALS = Reporter(Area.CREDENTIALS)
_NEEDED = ("download", "list")


class Accepted(NamedTuple):
    """Credentials that the index accepted, and their account."""

    credentials: Credentials
    account: Account


def check_credentials(target: Target, reached: Reached) -> Generator[Diagnosis, None, Accepted | None]:
    """Yield findings, and return the credentials that the commands use, if the index accepts them."""
    found = yield from _find(target)
    yield from _check_netrc_mode()
    if not found:
        yield from _nothing_found(target, reached)
        return None
    used, *others = found
    if not reached.answers:
        yield _CREDENTIALS.note(
            "accepted", f"{used.username} has credentials in {_named(found)}; the index can't be reached to check them."
        )
        return None
    accepted = yield from _check_used(target, used)
    yield from _check_others(target, used, others)
    return accepted


def _find(target: Target) -> Generator[Diagnosis, None, list[Credentials]]:
    """Return the credentials of each place, in the order in which the commands look."""
    index, username = target.url, target.username or target.url.username
    places: Sequence[Callable[[], Credentials | None]] = (
        lambda: _given(target),
        lambda: in_keyring(index, username),
        lambda: in_netrc(index, username),
    )
    found: list[Credentials] = []
    for place in places:
        try:
            credentials = place()
        except CredentialsError as error:
            yield _CREDENTIALS.problem("found", error.message, error.hint)
        else:
            found += [credentials] if credentials else []
    return found


def _given(target: Target) -> Credentials | None:
    username, password = target.username or target.url.username, target.password or target.url.password
    if password is None:
        return None
    if username is None:
        raise CredentialsError(
            "PYPI_PUBLISH_PASSWORD is set, but no user name.", hint="Set PYPI_PUBLISH_USERNAME as well, or neither."
        )
    return Credentials(username, password, FROM_OPTIONS)


def _check_netrc_mode() -> Iterator[Diagnosis]:
    path = netrc_file()
    if path is not None and path.stat().st_mode & 0o077:
        yield _CREDENTIALS.warning(
            "netrc-mode", f"{path} contains passwords, and others on this machine can read it.", f"chmod 600 {path}"
        )


def _nothing_found(target: Target, reached: Reached) -> Iterator[Diagnosis]:
    remembered = remembered_username(target.url.root)
    username = target.username or target.url.username
    if reached.is_open:
        yield _CREDENTIALS.note("found", "No credentials; the index can be read without any.", HOW_TO_LOG_IN)
    elif remembered and username not in {None, remembered}:
        yield _CREDENTIALS.problem(
            "found",
            f"No credentials for {username}; the last login was {remembered}.",
            f"Run `pypi-publish login --username {username}`, or use {remembered}.",
        )
    elif remembered:
        yield _CREDENTIALS.problem(
            "found",
            f"The last login was {remembered}, but keyring no longer has the password.",
            "Run `pypi-publish login` again. If it comes back, another keyring was in use then: compare "
            "PYTHON_KEYRING_BACKEND.",
        )
    else:
        yield _CREDENTIALS.problem("found", f"No credentials for {target.url}.", HOW_TO_LOG_IN)


def _check_used(target: Target, used: Credentials) -> Generator[Diagnosis, None, Accepted | None]:
    try:
        account = prove(target.url, used)
    except PublishError as error:
        yield _CREDENTIALS.problem("accepted", error.message, error.hint)
        return None
    yield _CREDENTIALS.ok("accepted", f"The index accepts {account.username}, with the password from {used.source}.")
    yield from _check_rights(account)
    yield from _check_public_packages(account)
    yield from _check_version(account)
    return Accepted(used, account)


def _check_rights(account: Account) -> Iterator[Diagnosis]:
    if account.rights is None:
        return
    missing = [right for right in _NEEDED if right not in account.rights]
    rights = ", ".join(account.rights) or "nothing"
    if missing:
        yield _CREDENTIALS.problem(
            "rights",
            f"{account.username} may {rights}, but not {' or '.join(missing)}, which installers need.",
            "Ask the index's administrator for the right.",
        )
    elif "update" not in account.rights:
        yield _CREDENTIALS.note("rights", f"{account.username} may {rights}: install, but not publish.")
    else:
        yield _CREDENTIALS.ok("rights", f"{account.username} may {rights}: install and publish.")


def _check_public_packages(account: Account) -> Iterator[Diagnosis]:
    if account.passes_on:
        yield _CREDENTIALS.ok("public-packages", account.public_packages)
    elif account.version is not None:
        yield _CREDENTIALS.note("public-packages", f"{account.public_packages} Tools need the public index besides.")


def _check_version(account: Account) -> Iterator[Diagnosis]:
    if account.version not in {None, __version__}:
        yield _CREDENTIALS.note("version", f"The index runs pypi-publish {account.version}; this is {__version__}.")


def _check_others(target: Target, used: Credentials, others: Sequence[Credentials]) -> Iterator[Diagnosis]:
    """Compare with netrc, which pip and uv read before they ask keyring."""
    for other in others:
        if (other.username, other.password) == (used.username, used.password):
            yield _CREDENTIALS.ok("agree", f"{_capitalized(other.source)} has the same.")
            continue
        try:
            prove(target.url, other)
        except CredentialsError:
            first = " pip and uv look there first." if other.source == FROM_NETRC else ""
            yield _CREDENTIALS.warning(
                "agree",
                f"{_capitalized(other.source)} has a password of {other.username} that the index refuses.{first}",
                _how_to_fix(other),
            )
        except PublishError as error:
            yield _CREDENTIALS.problem("agree", error.message, error.hint)
        else:
            yield _CREDENTIALS.note(
                "agree", f"{_capitalized(other.source)} has the account of {other.username}, which also works."
            )


def _how_to_fix(outdated: Credentials) -> str:
    if outdated.source == FROM_NETRC:
        return f"Remove the entry from {netrc_file()}, or put the valid password there."
    return "Run `pypi-publish login` with the valid one."


def _named(found: Sequence[Credentials]) -> str:
    return " and ".join(credentials.source for credentials in found)


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]
