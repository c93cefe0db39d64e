"""pip's configuration files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from publisher.errors import ConfigurationError
from publisher.files.changes import read_text
from publisher.files.ini import parse_ini, put_options
from publisher.machine.paths import Machine
from publisher.machine.tools.tool import FileEdit, Finding, Setup
from publisher.secret import mask_urls

_INDEXES = frozenset({"index-url", "extra-index-url", "no-index", "keyring-provider"})


class Pip:
    """
    pip reads one file for all users, one for a person, one for an environment, and lets the later overrule the earlier.

    See https://pip.pypa.io/en/stable/topics/configuration/.
    """

    name: ClassVar[str] = "pip"
    command: ClassVar[str] = "pip"
    scopes: ClassVar[Sequence[str]] = ("user", "site", "global")

    def paths(self, machine: Machine, scope: str) -> Sequence[Path]:
        """Return the one file of a scope; the scope ``site`` is the active virtual environment."""
        name = "pip.ini" if machine.is_windows else "pip.conf"
        if scope == "site":
            if not machine.environment.get("VIRTUAL_ENV"):
                raise ConfigurationError(
                    "No virtual environment is active (VIRTUAL_ENV is not set).", hint="Activate it, or --scope user."
                )
            return [Path(machine.environment["VIRTUAL_ENV"]) / name]
        if scope == "global":
            if machine.is_windows:
                return [machine.variable("PROGRAMDATA", Path("C:/ProgramData")) / "pip" / name]
            mac = machine.platform == "darwin"
            return [Path("/Library/Application Support/pip" if mac else "/etc", name)]
        apple = machine.application_support / "pip"
        return [(apple if apple.is_dir() else machine.config / "pip") / name]

    def edits(self, setup: Setup, machine: Machine, scope: str) -> Sequence[FileEdit]:
        """Make the index the only one: pip takes the highest version from any index that it knows."""
        options = {"index-url": setup.personal_url}
        if setup.password is None:
            options["keyring-provider"] = "subprocess"

        def put(text: str | None) -> str:
            return put_options(text, "pip", {"global": options}, lambda _section, option: option in _INDEXES)

        return [FileEdit(path, put, setup.password is not None) for path in self.paths(machine, scope)]

    def variables(self, setup: Setup) -> Mapping[str, str]:
        """Return pip's variables; the credentials come from the file that NETRC names."""
        return {"PIP_INDEX_URL": setup.url.simple}

    def notes(self, setup: Setup, scope: str) -> Sequence[str]:  # noqa: ARG002 - the same in every scope
        """Explain why there is one index."""
        notes = ["pip has the private index alone: of several it takes the highest version, whoever published it."]
        if not setup.passes_on:
            notes.append(
                "The index does not pass public names on. Two safe ways to have both: let its administrator start it "
                "with --fallback-url, which never passes on a name of its own; or keep this out of the user's file, "
                "and name the index where it is needed (`pip install --index-url`, --scope site in an environment)."
            )
        if setup.password is None:
            notes.append(
                "The password comes from keyring, which has to be on the path: `uv tool install "
                "--with-executables-from keyring pypi-publish` brings it along."
            )
        return notes

    def read(self, machine: Machine) -> Sequence[Finding]:
        """Return what every file that pip would read names, and its environment variables."""
        paths = [path for scope in self.scopes if (path := self._path_or_none(machine, scope)) is not None]
        found = [finding for path in paths for finding in _read_file(path)]
        for variable, leaks in (("PIP_INDEX_URL", False), ("PIP_EXTRA_INDEX_URL", True)):
            found += [
                _finding(Path(variable), url, leaks=leaks) for url in machine.environment.get(variable, "").split()
            ]
        return found

    def _path_or_none(self, machine: Machine, scope: str) -> Path | None:
        try:
            return self.paths(machine, scope)[0]
        except ConfigurationError:
            return None


def _read_file(path: Path) -> list[Finding]:
    text = read_text(path)
    if text is None:
        return []
    options = parse_ini(text, lambda option: option.lower().replace("_", "-")).options
    return [
        _finding(path, url, leaks=option == "extra-index-url")
        for _, option, value, _, _ in options
        if option in {"index-url", "extra-index-url"}
        for url in value.split()
    ]


def _finding(path: Path, url: str, *, leaks: bool) -> Finding:
    return Finding(path, mask_urls(url), holds_secret=mask_urls(url) != url, leaks=leaks)
