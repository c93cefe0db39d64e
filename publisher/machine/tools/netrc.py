"""The netrc file, from which curl, pip, uv, poetry and pdm take the credentials of a host."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from publisher.credentials.netrc import netrc_entry, netrc_hosts
from publisher.errors import ConfigurationError
from publisher.files.changes import read_text
from publisher.files.managed_blocks import LineEdit, insert_blocks, split_lines
from publisher.machine.paths import Machine
from publisher.machine.tools.tool import ConfiguredIndex, FileEdit, Setup, Tool
from publisher.secret import FROM_NETRC, Credentials


class Netrc(Tool):
    """One entry for each host, with the password in clear."""

    name: ClassVar[str] = "netrc"
    command: ClassVar[str] = ""
    scopes: ClassVar[Sequence[str]] = ("user",)

    def paths(self, machine: Machine, scope: str) -> Sequence[Path]:  # noqa: ARG002 - there is one
        """Return the file that NETRC names, or the one in the person's home."""
        return [machine.variable("NETRC", machine.home / ("_netrc" if machine.is_windows else ".netrc"))]

    def edits(self, setup: Setup, machine: Machine, scope: str) -> Sequence[FileEdit]:
        """Add an entry for the index's host; raises ConfigurationError where there is one, or no password to put in."""
        if setup.password is None or not setup.username:
            raise ConfigurationError(
                "A netrc file holds the password itself, so that every program of yours can read it.",
                hint="Pass --embed-credentials to write it anyway; with keyring you don't need it.",
            )
        credentials = Credentials(setup.username, setup.password, FROM_NETRC)
        path = self.paths(machine, scope)[0]

        def put(text: str | None) -> str:
            if setup.url.host in netrc_hosts(text or ""):
                raise ConfigurationError(f"{path} already has an entry for {setup.url.host}.", hint="Remove it first.")
            end = len(split_lines(text or ""))
            return insert_blocks(
                text, [LineEdit(end, end, netrc_entry(setup.url.host, credentials).splitlines())], "netrc"
            )

        return [FileEdit(path, put, holds_secret=True)]

    def variables(self, setup: Setup) -> Mapping[str, str]:  # noqa: ARG002 - the same for every index
        """Return the variable that names the file."""
        return {"NETRC": "$HOME/.netrc"}

    def notes(self, setup: Setup, scope: str) -> Sequence[str]:  # noqa: ARG002 - there is one
        """Warn that its readers can use the account."""
        return [f"Anyone who can read this file can use your account on {setup.url}."]

    def read(self, machine: Machine) -> Sequence[ConfiguredIndex]:
        """Return the hosts that the file has passwords for."""
        path = self.paths(machine, "user")[0]
        text = read_text(path)
        return [ConfiguredIndex(host, str(path), secret_beside=True) for host in sorted(netrc_hosts(text or ""))]
