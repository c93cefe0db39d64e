"""The checks of twine and of what else reads ``.pypirc``: flit and hatch."""

import configparser
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from publisher.client.url import IndexUrl
from publisher.machine.doctor.findings import Finding
from publisher.machine.doctor.tools.sources import (
    PUBLIC,
    TOOLS,
    Examined,
    Source,
    Tool,
    ToolCheck,
    find_tool,
    how_to_configure,
)


def check_twine(examined: Examined) -> ToolCheck:
    """Yield what is found."""
    path = Path("~/.pypirc").expanduser()
    tool = yield from find_tool("twine")
    try:
        sections = _sections(path)
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        yield TOOLS.problem("pypirc", f"{path} can't be read: {' '.join(str(error).split())}", "Mend it.")
        return None
    own = [name for name, told in sections.items() if Source(told.get("repository", ""), "").is_index(examined.url)]
    yield from _tell_place(tool, own, path)
    if tool is not None:
        yield from _check_leak(tool, own, examined.url)
    if any("password" in section for section in sections.values()) and path.stat().st_mode & 0o077:
        yield TOOLS.warning(
            "pypirc-mode", f"{path} holds passwords, and others on this machine can read it.", f"chmod 600 {path}"
        )
    return None  # it uploads: whether anything installs from the index is for the others to say


def _sections(path: Path) -> Mapping[str, Mapping[str, str]]:
    """Return the file's sections; raises configparser.Error, UnicodeDecodeError or OSError when it can't be read."""
    parser = configparser.RawConfigParser()
    if path.exists():
        parser.read_string(path.read_text("utf-8"), str(path))
    return {name: dict(parser.items(name)) for name in parser.sections()}


def _tell_place(tool: Tool | None, own: list[str], path: Path) -> Iterator[Finding]:
    if own and tool is not None:
        yield TOOLS.ok("twine", f"{tool} knows this index as {own[0]!r}, and so do flit and hatch, from {path}.")
    elif own:
        yield TOOLS.ok("twine", f"flit and hatch know this index as {own[0]!r}, from {path}.")
    elif tool is not None:
        yield TOOLS.note("twine", f"{tool} knows this index by its URL alone.", how_to_configure("pypirc"))


def _check_leak(tool: Tool, own: list[str], index: IndexUrl) -> Iterator[Finding]:
    """Say where an upload goes that names no index: a private package that was sent to the public one stays there."""
    url, name = os.environ.get("TWINE_REPOSITORY_URL"), os.environ.get("TWINE_REPOSITORY")
    if Source(url, "TWINE_REPOSITORY_URL").is_index(index) if url else name in own:
        return
    place = Source(url, "TWINE_REPOSITORY_URL") if url else repr(name) if name else PUBLIC
    named = f"-r {own[0]}" if own else f"--repository-url {index}"
    yield TOOLS.note(
        "twine-leak",
        f"{tool} uploads to {place} when it is started without `{named}`.",
        'The classifier "Private :: Do Not Upload" in a project keeps the public index from taking it.',
    )
