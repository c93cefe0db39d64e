"""The checks of twine and of what else reads ``.pypirc``: flit and hatch."""

import configparser
from pathlib import Path

from publisher.doctor.tools.sources import TOOLS, Examined, Source, ToolCheck, find_tool, how_to_configure


def check_twine(examined: Examined) -> ToolCheck:
    """Yield what is found."""
    path = Path("~/.pypirc").expanduser()
    tool = yield from find_tool("twine")
    if not path.exists():
        if tool is not None:
            yield TOOLS.note("twine", f"{tool} knows this index by its URL alone.", how_to_configure("pypirc"))
        return None
    try:
        sections = _sections(path)
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        yield TOOLS.problem("pypirc", f"{path} can't be read: {' '.join(str(error).split())}", "Mend it.")
        return None
    own = [
        name for name, url in sections.items() if Source(url.get("repository", ""), str(path)).is_index(examined.index)
    ]
    if own:
        yield TOOLS.ok("twine", f"twine, flit and hatch know this index as {own[0]!r}, from {path}.")
    elif tool is not None:
        yield TOOLS.note("twine", f"{tool} knows this index by its URL alone.", how_to_configure("pypirc"))
    if any("password" in section for section in sections.values()) and path.stat().st_mode & 0o077:
        yield TOOLS.warning(
            "pypirc-mode", f"{path} holds passwords, and others on this machine can read it.", f"chmod 600 {path}"
        )
    return None  # it uploads: whether anything installs from the index is for the others to say


def _sections(path: Path) -> dict[str, dict[str, str]]:
    """Return the file's sections; raises configparser.Error, UnicodeDecodeError or OSError when it can't be read."""
    parser = configparser.RawConfigParser()
    parser.read_string(path.read_text("utf-8"), str(path))
    return {name: dict(parser.items(name)) for name in parser.sections()}
