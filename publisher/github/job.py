"""Installation from an index in later steps of a CI job: a netrc file, and variables without a secret."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from publisher.client.url import IndexUrl
from publisher.credentials.netrc import netrc_entry, netrc_hosts
from publisher.errors import ConfigurationError
from publisher.files.atomic import replace_file
from publisher.files.changes import read_text
from publisher.secret import Credentials

FILENAME = "pypi-publish.netrc"


class JobSetup(NamedTuple):
    """A netrc file of mode 600, and the variables that the following steps need."""

    netrc: Path
    variables: Mapping[str, str]


def set_up_job(url: IndexUrl, credentials: Credentials, folder: Path, existing: Path, *, only_index: bool) -> JobSetup:
    """
    Write the credentials into a netrc file in ``folder``, after the entries of an ``existing`` one for other hosts.

    pip, uv, poetry and pdm read the file that ``NETRC`` names. ``only_index`` makes the index the one that pip, uv and
    pdm install everything from; poetry takes its sources from the project alone.

    Raises ConfigurationError when the existing file has an entry for the index's host already.
    """
    entry = netrc_entry(url.host, credentials)
    earlier = _earlier_entries(existing, url.host, entry)
    path = folder / FILENAME
    text = f"{earlier.rstrip()}\n{entry}" if earlier.strip() else entry
    try:
        path.unlink(missing_ok=True)  # a planted link is not followed
        replace_file(path, text.encode(), mode=0o600)
    except OSError as error:
        raise ConfigurationError(f"{path} can't be written: {error.strerror or error}.") from error
    variables = {"NETRC": str(path)}
    if only_index:
        variables |= {"PIP_INDEX_URL": url.simple, "UV_DEFAULT_INDEX": url.simple, "PDM_PYPI_URL": url.simple}
    return JobSetup(path, variables)


def build_index_variables(url: IndexUrl, credentials: Credentials, existing: str) -> dict[str, str]:
    """
    Return uv's variables that let builds find requirements on an index, before the ``existing`` indexes.

    Build hooks do not see the password: see `publisher.building.hooks.hook_variables`.
    """
    name = "PYPI_PUBLISH"
    return {
        "UV_INDEX": f"{name.lower()}={url.simple} {existing}".strip(),
        f"UV_INDEX_{name}_USERNAME": credentials.username,
        f"UV_INDEX_{name}_PASSWORD": credentials.password.reveal(),
    }


def _earlier_entries(existing: Path, host: str, entry: str) -> str:
    """Return the text of a netrc file without an entry that is replaced."""
    text = (read_text(existing) or "").replace(entry, "")
    if host in netrc_hosts(text):
        raise ConfigurationError(
            f"{existing} has another entry for {host} already.", hint="Remove this step, or remove that entry."
        )
    return text
