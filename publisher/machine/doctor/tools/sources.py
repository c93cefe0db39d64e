"""What the tools have in common: a program and its version, the indexes it asks, and a package to try it with."""

import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from publisher.client.url import IndexUrl, parse_index_url
from publisher.errors import ConfigurationError
from publisher.machine.doctor.findings import Area, Finding, Reporter
from publisher.machine.doctor.programs import Outcome, find_program, run_program
from publisher.secret import mask_urls

TOOLS = Reporter(Area.TOOLS)
PUBLIC = "the public index"
"""How an index is called that a tool asks without being told to."""

_VERSION = re.compile(r"\d+(?:\.\d+)+\S*")


@dataclass(frozen=True)
class Candidate:
    """A package that the index has: its name, its newest version, and all of them."""

    name: str
    newest: str
    versions: frozenset[str]


@dataclass(frozen=True)
class Examined:
    """What a tool is examined for: an index, the folder one stands in, and a package to try, if the index has any."""

    url: IndexUrl
    folder: Path
    candidate: Candidate | None


@dataclass(frozen=True)
class Source:
    """An index that a tool asks: its URL, and the file, variable or default that names it."""

    url: str
    origin: str

    def is_index(self, url: IndexUrl) -> bool:
        """Tell whether it is that index, by any of its URLs."""
        try:
            return parse_index_url(self.url).root == url.root
        except ConfigurationError:
            return False

    @property
    def holds_password(self) -> bool:
        """Whether the URL has a password in it that is written out."""
        try:
            password = parse_index_url(self.url).password
        except ConfigurationError:
            return False
        return password is not None and not password.reveal().startswith("${")

    def __str__(self) -> str:
        return self.url if self.url == PUBLIC else mask_urls(self.url)


@dataclass(frozen=True)
class Tool:
    """A program that was found, and the version that it tells."""

    name: str
    program: Path
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


ToolCheck = Generator[Finding, None, bool | None]
"""Yields findings and returns whether the tool installs from the index; None where there is no such tool."""


def find_tool(name: str) -> Generator[Finding, None, Tool | None]:
    """Yield what is wrong with a tool that does not start, and return it, or None where there is none."""
    program = find_program(name)
    if program is None:
        return None
    outcome = run_program([program, "--version"])
    version = _VERSION.search(outcome.stdout)
    if outcome.code != 0 or version is None:
        yield TOOLS.problem(name, f"{name} does not start: {outcome.last_line}.", f"Install {program} again.")
        return None
    return Tool(name, program, version[0].rstrip(",)"))


def tell_place(tool: Tool, own: Sequence[Source], elsewhere: str) -> Iterator[Finding]:
    """Say where a tool has the index from; ``elsewhere`` is what it does without."""
    if own:
        yield TOOLS.ok(tool.name, f"{tool} knows this index, from {' and '.join(source.origin for source in own)}.")
    else:
        yield TOOLS.note(tool.name, f"{tool} does not know this index: {elsewhere}.", how_to_configure(tool.name))


def tell_passwords(tool: Tool, sources: Sequence[Source]) -> Iterator[Finding]:
    """Warn of passwords that are written out."""
    for source in sources:
        if source.holds_password:
            yield TOOLS.warning(
                f"{tool.name}-secret",
                f"{source.origin} has a password in a URL, where others, backups and logs find it.",
                f"Take it out; with the password in keyring: {how_to_configure(tool.name)}",
            )


def tell_leak(tool: Tool, words: str) -> Finding:
    """Warn that a stranger's package can take the place of one of this index."""
    return TOOLS.warning(f"{tool.name}-leak", f"{tool} can be misled: {words}.", how_to_configure(tool.name))


def tell_trial(tool: Tool, candidate: Candidate, outcome: Outcome, found: str | None, hint: str) -> Iterator[Finding]:
    """Judge a resolution; ``found`` is the version that came out of it."""
    check = f"{tool.name}-trial"
    if outcome.code is None:
        yield TOOLS.problem(check, f"{tool} did not find out about {candidate.name} in time.", hint)
    elif outcome.code != 0 or found is None:
        yield TOOLS.problem(check, f"{tool} does not find {candidate.name}: {outcome.last_line}", hint)
    elif found not in candidate.versions:
        yield TOOLS.problem(
            check,
            f"{tool} takes {candidate.name} {found} from another index; this one has {candidate.newest}.",
            f"Do not install before that is mended: {how_to_configure(tool.name)}",
        )
    else:
        yield TOOLS.ok(check, f"{tool} finds {candidate.name} {found} here.")


def how_to_configure(name: str) -> str:
    """Return what sets a tool up."""
    return f"`pypi-publish config {name} --write`"
