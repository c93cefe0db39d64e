"""The checks of uv, whose configuration is read where uv reads it: it has no command that tells it."""

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from publisher.client.url import IndexUrl
from publisher.files.toml import to_toml
from publisher.machine.doctor.findings import Finding
from publisher.machine.doctor.programs import run_program
from publisher.machine.doctor.tools.sources import (
    PUBLIC,
    TOOLS,
    Candidate,
    Examined,
    Source,
    Tool,
    ToolCheck,
    find_tool,
    how_to_configure,
    tell_leak,
    tell_passwords,
    tell_place,
    tell_trial,
)


@dataclass(frozen=True)
class UvSource(Source):
    """An index of uv: by which name, whether only for packages that name it, and whether it replaces the public one."""

    name: str | None = None
    explicit: bool = False
    default: bool = False
    table: Mapping[str, Any] = field(default_factory=dict)
    """The table as it stands in the file."""


@dataclass(frozen=True)
class UvSettings:
    """What uv's files and variables say together."""

    sources: Sequence[UvSource]
    strategy: str
    keyring: bool


def check_uv(examined: Examined) -> ToolCheck:
    """Yield what is found; return whether uv asks the index."""
    tool = yield from find_tool("uv")
    if tool is None:
        return None
    try:
        settings = read_settings(examined.folder)
    except (OSError, ValueError) as error:
        yield TOOLS.problem("uv", f"{tool} has a file that can't be read: {error}.", "Mend it, or move it away.")
        return False
    own = [source for source in settings.sources if source.is_index(examined.url)]
    if own or not settings.keyring:
        yield from tell_place(tool, own, f"it installs from {' and '.join(map(str, settings.sources))}")
    else:
        yield TOOLS.ok("uv", f"{tool} asks keyring for passwords; what comes from this index is said in each project.")
    yield from tell_passwords(tool, settings.sources)
    if own:
        yield from _check_leak(tool, own[0], settings)
    if not own and settings.keyring:
        own = [_named_by_a_project(examined.url)]
        settings = replace(settings, sources=[*settings.sources, *own])
    if own and examined.candidate is not None:
        yield from _try(tool, own[0], examined.candidate, settings)
    return bool(own)


def _named_by_a_project(url: IndexUrl) -> UvSource:
    """Return the index as `pypi-publish config uv` puts it into a project."""
    table = {"name": "private", "url": url.simple, "explicit": True, "authenticate": "always"}
    return UvSource(url.simple, "a project", "private", explicit=True, table=table)


def _check_leak(tool: Tool, own: UvSource, settings: UvSettings) -> Iterator[Finding]:
    """Judge the order: uv takes a package from the first index that has its name, unless it is told otherwise."""
    if own.explicit:
        return
    asked = [source for source in settings.sources if not source.explicit]
    before = asked[: asked.index(own)]
    after = asked[asked.index(own) + 1 :]
    if settings.strategy.startswith("unsafe") and (before or after):
        yield tell_leak(tool, f"index-strategy = {settings.strategy!r} compares the versions of all indexes")
    elif before:
        yield tell_leak(tool, f"it asks {before[0]} first, and this index for the rest")
    elif after:
        yield tell_leak(tool, f"a name that this index does not have, or no longer has, comes from {after[0]}")


def read_settings(folder: Path) -> UvSettings:
    """
    Return what uv's variables and files say for a folder, the first index first.

    Raises OSError and ValueError when a file can't be read.
    """
    tables = [(path, table) for path in _files(folder) if (table := _read(path))]
    sources = [*_from_variables(), *(source for path, table in tables for source in _from_table(path, table))]
    sources.sort(key=lambda source: source.default)  # the default index comes last
    defaults = [source for source in sources if source.default]
    if not defaults:
        sources.append(UvSource(PUBLIC, "its default", default=True))
    settings = {key: value for _, table in reversed(tables) for key, value in table.items()}
    return UvSettings(
        [source for source in sources if source not in defaults[1:]],
        os.environ.get("UV_INDEX_STRATEGY") or settings.get("index-strategy", "first-index"),
        (os.environ.get("UV_KEYRING_PROVIDER") or settings.get("keyring-provider")) == "subprocess",
    )


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files that uv reads, the one that wins first."""
    if os.environ.get("UV_NO_CONFIG", "").lower() in {"1", "true", "yes"}:
        return
    if named := os.environ.get("UV_CONFIG_FILE"):
        yield Path(named)
        return
    for place in (folder.resolve(), *folder.resolve().parents):
        own = [path for name in ("uv.toml", "pyproject.toml") if (path := place / name).exists() and _read(path)]
        if own:
            yield own[0]
            break
    if os.name == "nt":
        places = (os.environ.get("APPDATA"), os.environ.get("PROGRAMDATA"))
        yield from (Path(place) / "uv/uv.toml" for place in places if place)
        return
    yield Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "uv/uv.toml"
    shared = (os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)
    yield next((path for place in shared if (path := Path(place) / "uv/uv.toml").exists()), Path("/etc/uv/uv.toml"))


def _read(path: Path) -> dict[str, Any]:
    """Return what a file says to uv; raise OSError or ValueError when it can't be read."""
    if not path.exists():
        return {}
    found = tomllib.loads(path.read_text("utf-8"))
    table = found.get("tool", {}).get("uv", {}) if path.name == "pyproject.toml" else found
    return table if isinstance(table, dict) else {}


def _from_variables() -> Iterator[UvSource]:
    more = {"UV_INDEX": os.environ.get("UV_INDEX"), "UV_EXTRA_INDEX_URL": os.environ.get("UV_EXTRA_INDEX_URL")}
    for variable, words in more.items():
        yield from (_from_word(word, variable) for word in (words or "").split())
    first = {"UV_DEFAULT_INDEX": os.environ.get("UV_DEFAULT_INDEX"), "UV_INDEX_URL": os.environ.get("UV_INDEX_URL")}
    yield from (replace(_from_word(word, variable), default=True) for variable, word in first.items() if word)


def _from_word(word: str, variable: str) -> UvSource:
    """Return what a variable says in one word: a URL, or ``name=URL``."""
    name, separator, url = word.partition("=")
    named = bool(separator) and "://" not in name
    return UvSource(url if named else word, variable, name if named else None)


def _from_table(path: Path, table: Mapping[str, Any]) -> Iterator[UvSource]:
    for entry in table.get("index", ()):
        flags = {flag: bool(entry.get(flag)) for flag in ("explicit", "default")}
        yield UvSource(str(entry.get("url", "")), str(path), entry.get("name"), **flags, table=entry)
    for url in table.get("extra-index-url", ()):
        yield UvSource(str(url), str(path))
    if url := table.get("index-url"):
        yield UvSource(str(url), str(path), default=True)


def _try(tool: Tool, own: UvSource, candidate: Candidate, settings: UvSettings) -> Iterator[Finding]:
    """Resolve a package as a project would that gets it from the index: an explicit one has to be named for it."""
    with TemporaryDirectory(prefix="pypi-publish-") as temporary:
        project = Path(temporary) / "pyproject.toml"
        project.write_text(to_toml(_project(candidate, own, settings)), "utf-8")
        command: list[str | Path] = [
            tool.program,
            "pip",
            "compile",
            "--no-deps",
            "--no-header",
            "--no-annotate",
            "--prerelease=allow",
        ]
        outcome = run_program([*command, "--quiet", "pyproject.toml"], folder=project.parent)
    pins = [line.partition("==") for line in outcome.stdout.splitlines() if "==" in line]
    found = pins[0][2].split()[0] if pins else None
    hint = f"Let it ask keyring: {how_to_configure('uv')}." if not settings.keyring else "`uv -v` says more."
    yield from tell_trial(tool, candidate, outcome, found, hint)


def _project(candidate: Candidate, own: UvSource, settings: UvSettings) -> dict[str, Any]:
    indexes = [dict(source.table) for source in settings.sources if source.table]
    sources = {candidate.name: {"index": own.name}} if own.explicit and own.name else {}
    return {
        "project": {"name": "trial", "version": "0", "dependencies": [candidate.name]},
        "tool": {
            "uv": {
                "index": indexes,
                "index-strategy": settings.strategy,
                **({"keyring-provider": "subprocess"} if settings.keyring else {}),
                "sources": sources,
            }
        },
    }
