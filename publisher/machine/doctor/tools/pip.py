"""The checks of pip, which tells its configuration itself."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from publisher.machine.doctor.findings import Finding
from publisher.machine.doctor.programs import run_program
from publisher.machine.doctor.tools.sources import (
    PUBLIC,
    Candidate,
    Examined,
    Source,
    Tool,
    ToolCheck,
    find_tool,
    tell_leak,
    tell_passwords,
    tell_place,
    tell_trial,
)

_SECTIONS = ("global", "install", ":env:")
"""Where `pip install` looks for an option; a later one wins."""


def check_pip(examined: Examined) -> ToolCheck:
    """Yield what is found; return whether pip asks the index."""
    tool = yield from find_tool("pip")
    if tool is None:
        return None
    sources = _sources(tool)
    own = [source for source in sources if source.is_index(examined.url)]
    others = [source for source in sources if not source.is_index(examined.url)]
    yield from tell_place(tool, own, f"it installs from {' and '.join(map(str, others)) or 'no index'}")
    yield from tell_passwords(tool, sources)
    if own and others:
        yield tell_leak(tool, f"it takes the highest version that this index or {' or '.join(map(str, others))} has")
    if own and examined.candidate is not None:
        yield from _try(tool, examined.candidate)
    return bool(own)


def _sources(tool: Tool) -> list[Source]:
    """Return the indexes that `pip install` asks."""
    options = _options(tool)
    origins = _origins(tool)

    def said(option: str) -> tuple[str, str] | None:
        keys = [key for section in _SECTIONS if (key := f"{section}.{option}") in options]
        return (options[keys[-1]], origins.get(keys[-1], _variable(option))) if keys else None

    found = []
    if said("no-index") is None:
        url, origin = said("index-url") or (PUBLIC, "its default")
        found.append(Source(url, origin))
    more, origin = said("extra-index-url") or ("", "")
    return found + [Source(url, origin) for url in more.split()]


def _options(tool: Tool) -> Mapping[str, str]:
    listed = run_program([tool.program, "config", "list"]).stdout.splitlines()
    pairs = (line.partition("=") for line in listed if "=" in line)
    return {key: str(ast.literal_eval(value)) for key, _, value in pairs}


def _origins(tool: Tool) -> Mapping[str, str]:
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


def _try(tool: Tool, candidate: Candidate) -> Iterator[Finding]:
    options = ["--pre", "--ignore-requires-python", "--disable-pip-version-check"]
    outcome = run_program(
        [tool.program, "index", "versions", *options, candidate.name],
        environment={"PIP_RETRIES": "0", "PIP_DEFAULT_TIMEOUT": "10"},
    )
    if "EOFError" in outcome.stderr:  # it asked for a user name, and nobody was there
        outcome = replace(outcome, stderr="it found no password that the index accepts.")
    newest = re.match(r"\S+ \(([^)]+)\)", outcome.stdout)
    hint = "If it is not let in: `pip config set global.keyring-provider subprocess`."
    yield from tell_trial(tool, candidate, outcome, newest[1] if newest else None, hint)
