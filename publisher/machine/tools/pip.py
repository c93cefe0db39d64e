"""pip: its configuration files, the indexes that it asks, and a trial download."""

import ast
import os
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from packaging.version import Version

from publisher.errors import ConfigurationError
from publisher.files.changes import read_text
from publisher.files.ini import parse_ini, put_options
from publisher.machine.candidate import Candidate
from publisher.machine.paths import Machine
from publisher.machine.programs import Outcome, run_program
from publisher.machine.tools.installer import (
    Examined,
    Fallback,
    InstalledTool,
    Installer,
    Trial,
    TypedCredentials,
    how_to_configure,
    owned,
)
from publisher.machine.tools.tool import PUBLIC, ConfiguredIndex, FileEdit, Setup
from publisher.project.install_lines import INSTALL_WITH_KEYRING
from publisher.project.versions import parse_version

_INDEXES = frozenset({"index-url", "extra-index-url", "no-index", "keyring-provider"})
_SECTIONS = ("global", "install", ":env:")
"""Sections in which `pip install` looks for an option; a later one wins."""

_ENVIRONMENT = {"PIP_RETRIES": "0", "PIP_DEFAULT_TIMEOUT": "10", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
_REFUSED = ("EOFError", "401 Error", "Credentials not correct", "No matching distribution")
_ONLY = "pip uses only the private index: with several, it installs the highest version from any, even a stranger's."
_SEVERAL = (
    "The index does not pass public packages on, so pip no longer finds them. To have both, let its administrator "
    "start it with --upstream public, which never passes on a name of its own; or set up single environments (--scope "
    "site), and name the index where it is needed (`pip install --index-url`)."
)
_KEYRING = (
    f"The password comes from keyring, which has to be on the path. This brings it along: {INSTALL_WITH_KEYRING}."
)


class Pip(Installer):
    """
    pip reads one file for all users, one for a person, one for an environment, and lets the later overrule the earlier.

    See https://pip.pypa.io/en/stable/topics/configuration/.
    """

    name: ClassVar[str] = "pip"
    command: ClassVar[str] = "pip"
    scopes: ClassVar[Sequence[str]] = ("user", "site", "global")
    unconfigured: ClassVar[str] = "it installs from {indexes}"

    def paths(self, machine: Machine, scope: str) -> Sequence[Path]:
        """Return the one file of a scope; the scope ``site`` is the active virtual environment."""
        name = "pip.ini" if machine.is_windows else "pip.conf"
        if scope == "site":
            if not machine.environment.get("VIRTUAL_ENV"):
                raise ConfigurationError(
                    "No virtual environment is active (VIRTUAL_ENV is not set).",
                    hint="Activate one, or pass --scope user.",
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
        return [
            _ONLY,
            *([] if setup.proxies_public else [_SEVERAL]),
            *([_KEYRING] if setup.password is None else []),
        ]

    def read(self, machine: Machine) -> Sequence[ConfiguredIndex]:
        """Return the settings in every file that pip may read, and in its environment variables."""
        found: list[ConfiguredIndex] = []
        for scope in self.scopes:
            if scope != "site" or machine.environment.get("VIRTUAL_ENV"):
                found += _read_file(self.paths(machine, scope)[0])
        for variable in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
            found += [ConfiguredIndex(url, variable) for url in machine.environment.get(variable, "").split()]
        return found

    def asked(self, tool: InstalledTool, examined: Examined) -> Sequence[ConfiguredIndex]:  # noqa: ARG002 - pip knows
        """Return the indexes that `pip install` asks, as pip says itself."""
        options, origins = _options(tool), _origins(tool)

        def find(option: str) -> tuple[str, str] | None:
            keys = [key for section in _SECTIONS if (key := f"{section}.{option}") in options]
            return (options[keys[-1]], origins.get(keys[-1], _variable(option))) if keys else None

        found = []
        if find("no-index") is None:
            found.append(ConfiguredIndex(*(find("index-url") or (PUBLIC, "its default"))))
        more, origin = find("extra-index-url") or ("", "")
        return found + [ConfiguredIndex(url, origin) for url in more.split()]

    def risk(self, asked: Sequence[ConfiguredIndex], examined: Examined) -> str | None:
        """Judge the number of indexes: pip compares the versions of all of them."""
        others = [index for index in asked if not index.is_index(examined.setup.url)]
        return (
            f"it takes the highest version that this index or {' or '.join(map(str, others))} has" if others else None
        )

    def install_command(
        self, tool: InstalledTool, asked: Sequence[ConfiguredIndex], examined: Examined, name: str
    ) -> str:
        """Return `pip install`, with the options that it needs while the index is not configured."""
        install = shlex.join(["pip", "install", *_index_options(tool, asked, examined), name])
        if examined.machine.environment.get("VIRTUAL_ENV") or not _is_externally_managed(tool):
            return install
        scripts = ".venv\\Scripts\\" if examined.machine.is_windows else ".venv/bin/"
        return f"python3 -m venv .venv && {scripts}{install}"

    def fallbacks(
        self, tool: InstalledTool, asked: Sequence[ConfiguredIndex], examined: Examined, typed: TypedCredentials
    ) -> Sequence[Fallback]:
        """Return the command that asks a person: one whose URL has no user name, which would keep pip from asking."""
        environment = {"NETRC": str(typed.netrc)}
        command = self.install_command(tool, asked, replace(examined, environment=environment), typed.package)
        return [Fallback(command, environment, "asks for user name and password")]

    def remedy(self, examined: Examined) -> str:
        """Return the change that makes pip use the index without losing the public one."""
        if examined.setup.proxies_public:
            return how_to_configure(self.name)
        simple = examined.setup.url.simple
        return (
            f"`pip install --index-url {simple}`, or in an environment `pypi-publish config pip --scope site --write`"
        )

    def try_download(
        self, tool: InstalledTool, asked: Sequence[ConfiguredIndex], examined: Examined, candidate: Candidate
    ) -> Trial:
        """Look a package up in all indexes, then download its wheel; nothing of it runs."""
        options, environment = _index_options(tool, asked, examined), {**_ENVIRONMENT, **examined.environment}
        look = ["index", "versions", "--pre", "--ignore-requires-python", *options]
        if _at_least(tool, "21.2"):
            outcome = run_program([tool.program, *look, candidate.name], environment=environment)
            newest = re.match(r"\S+ \(([^)]+)\)", outcome.stdout)
            if newest is None or newest[1] not in candidate.versions:
                return _judge(tool, outcome, newest[1] if newest else None)
        with TemporaryDirectory(prefix="pypi-publish-") as folder:
            get = ["download", "--no-deps", "--no-cache-dir", "--only-binary", ":all:", "--ignore-requires-python"]
            exact = f"{candidate.name}=={candidate.newest}"
            outcome = run_program(
                [tool.program, *get, "--dest", folder, *options, exact], folder=Path(folder), environment=environment
            )
            downloaded = any(Path(folder).glob("*.whl"))
        return _judge(tool, outcome, candidate.newest if downloaded else None)


def _read_file(path: Path) -> list[ConfiguredIndex]:
    text = read_text(path)
    if text is None:
        return []
    options = parse_ini(text, lambda option: option.lower().replace("_", "-")).options
    return [
        ConfiguredIndex(url, str(path))
        for _, option, value, _, _ in options
        if option in {"index-url", "extra-index-url"}
        for url in value.split()
    ]


def _options(tool: InstalledTool) -> Mapping[str, str]:
    outcome = run_program([tool.program, "config", "list"])
    if outcome.code != 0:
        raise ConfigurationError(f"{outcome.last_line}.", hint="Fix the file: `pip config debug` lists those it reads.")
    pairs = (line.partition("=") for line in outcome.stdout.splitlines() if "=" in line)
    return {key: str(ast.literal_eval(value)) for key, _, value in pairs}


def _origins(tool: InstalledTool) -> Mapping[str, str]:
    """Return the file of each option, that of the highest rank."""
    origins: dict[str, str] = {}
    path = None
    for line in run_program([tool.program, "config", "debug"]).stdout.splitlines():
        if match := re.fullmatch(r"  (\S.*), exists: (?:True|False)", line):
            path = match[1]
        elif path and (match := re.match(r"    (\S+\.\S+): ", line)):
            origins[match[1]] = path
    return origins


def _variable(option: str) -> str:
    return f"PIP_{option.upper().replace('-', '_')}"


def _at_least(tool: InstalledTool, version: str) -> bool:
    found = parse_version(tool.version)
    return found is not None and found >= Version(version)


def _index_options(tool: InstalledTool, asked: Sequence[ConfiguredIndex], examined: Examined) -> list[str]:
    """Return the options that name the index; without a keyring that pip asks, pip has to ask a person for the name."""
    if examined.environment:
        return ["--index-url", examined.setup.url.simple]
    if owned(asked, examined):
        return []
    setup = examined.setup
    if setup.username and _at_least(tool, "23.1") and _keyring_for(tool) is not None:
        return ["--keyring-provider", "subprocess", "--index-url", setup.personal_url]
    return ["--index-url", setup.url.simple]


def _is_externally_managed(tool: InstalledTool) -> bool:
    """Return whether the system's own tools install here, and pip refuses to (PEP 668)."""
    return "externally-managed" in run_program([tool.program, "install", "--no-index", "pip==0"]).stderr


def _keyring_for(tool: InstalledTool) -> str | None:
    """Return the `keyring` command that pip would run: it passes over the one in its own environment."""
    own = tool.program.parent.resolve()
    folders = [folder for folder in os.get_exec_path() if Path(folder).resolve() != own]
    return shutil.which("keyring", path=os.pathsep.join(folders))


def _judge(tool: InstalledTool, outcome: Outcome, version: str | None) -> Trial:
    if "Traceback" in outcome.stderr and "EOFError" not in outcome.stderr:
        reason = f"it crashes ({outcome.last_line})"
        return Trial(outcome, version, f"Update it: `{tool.program.parent / 'python'} -m pip install -U pip`.", reason)
    if not any(sign in outcome.stderr for sign in _REFUSED):
        return Trial(outcome, version, "Run `pip -v download` for details.")
    if _keyring_for(tool) is None and shutil.which("keyring"):
        hint = (
            f"The only `keyring` on the PATH is in pip's own environment, where keyring-provider = subprocess ignores "
            f"it: `{tool.program} config --site set global.keyring-provider import`."
        )
    elif _keyring_for(tool) is None:
        hint = f"pip finds no `keyring` command: {INSTALL_WITH_KEYRING}."
    else:
        hint = "Let pip ask keyring: `pip config set global.keyring-provider subprocess`."
    return Trial(outcome, version, hint, "it found no password that the index accepts")
