"""The entries of netrc files, as texts."""

import netrc
from pathlib import Path
from tempfile import TemporaryDirectory

from publisher.errors import ConfigurationError
from publisher.secret import Credentials


def netrc_entry(host: str, credentials: Credentials) -> str:
    """
    Return the lines that hold a host's credentials.

    Raises ConfigurationError for a line break in them, which no netrc file can hold.
    """
    login, password = _quote(credentials.username), _quote(credentials.password.reveal())
    return f"machine {host}\nlogin {login}\npassword {password}\n"


def netrc_hosts(text: str) -> set[str]:
    """
    Return the hosts that a netrc file has entries for.

    Raises ConfigurationError when the text is no netrc file.
    """
    with TemporaryDirectory(prefix="pypi-publish-") as folder:  # netrc reads files only; this one is its owner's alone
        path = Path(folder, "netrc")
        path.touch(mode=0o600)
        path.write_text(text, "utf-8")
        try:
            return set(netrc.netrc(path).hosts)
        except netrc.NetrcParseError as error:
            raise ConfigurationError(
                f"It is no netrc file: {error.msg} (line {error.lineno}).", hint="Mend it."
            ) from error


def _quote(token: str) -> str:
    if any(character in token for character in "\r\n"):
        raise ConfigurationError("A user name or password with a line break can't be handed to pip, uv, poetry or pdm.")
    escaped = token.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
