"""The lines that make pip, uv, poetry and pdm install from this index."""

import re
import shlex
from typing import NamedTuple

_PLAIN = re.compile(r"[^a-z0-9]+")


class ToolLines(NamedTuple):
    """
    Lines to type or paste for one tool; ``file`` names the file that ``lines`` go to, if they are not typed.

    ``login`` is typed first, once on each machine, and asks for a password.
    """

    tool: str
    lines: str
    note: str = ""
    file: str = ""
    then: str = ""
    login: str = ""


def index_name(host: str) -> str:
    """Return a name for an index that all tools accept: of ``pypi.acme.example`` it is ``pypi-acme``."""
    labels = host.partition(":")[0].lower().split(".")
    words = _PLAIN.sub("-", "-".join(labels[:-1] if len(labels) > 1 and not labels[-1].isdigit() else labels)).strip(
        "-"
    )
    return words or "private"


def index_lines(simple_url: str, name: str, *, passes_on: bool) -> list[ToolLines]:
    """Return the lines that set each tool up, once for a machine or a project."""
    if passes_on:
        uv = f'[[tool.uv.index]]\nname = "{name}"\nurl = "{simple_url}"\ndefault = true'
        return [
            ToolLines("pip", f"pip config set global.index-url {simple_url}"),
            ToolLines("uv", uv, file="pyproject.toml"),
            ToolLines("poetry", f"poetry source add --priority=primary {name} {simple_url}"),
            ToolLines("pdm", f"pdm config pypi.url {simple_url}"),
        ]
    return package_lines(simple_url, name, "PACKAGE", "PACKAGE", passes_on=False, complete=False)


def package_lines(  # noqa: PLR0913 - all of them are inserted
    simple_url: str, name: str, project: str, requirement: str, *, passes_on: bool, complete: bool
) -> list[ToolLines]:
    """
    Return the lines that install a package with each tool.

    ``complete`` says that this index has all that the package needs, for pip, which asks one index only.
    """
    note = "" if passes_on or complete else "pip uses only this index, so the package's dependencies must be here too."
    pip = ToolLines("pip", f"pip install --index-url {simple_url} {requirement}", note)
    uv = ToolLines("uv", f"uv add --index {name}={simple_url} {requirement}")
    if passes_on:
        return [
            pip,
            uv,
            ToolLines("poetry", f"poetry source add {name} {simple_url}\npoetry add {requirement}"),
            ToolLines("pdm", f"pdm config pypi.url {simple_url}\npdm add {requirement}"),
        ]
    source = f"poetry source add --priority=explicit {name} {simple_url}"
    pdm = f'[[tool.pdm.source]]\nname = "{name}"\nurl = "{simple_url}"\ninclude_packages = ["{project}"]'
    return [
        pip,
        uv,
        ToolLines("poetry", f"{source}\npoetry add --source {name} {requirement}"),
        ToolLines("pdm", pdm, file="pyproject.toml", then=f"pdm add {requirement}"),
    ]


def with_login(lines: list[ToolLines], name: str, base_url: str, username: str) -> list[ToolLines]:
    """Add each tool's login to its lines, for an index that requires an account to install."""
    user = shlex.quote(username)
    logins = {"uv": f"uv auth login --username {user} {base_url}", "poetry": f"poetry config http-basic.{name} {user}"}
    asks = {
        "pip": "pip asks for your user name and password.",
        "pdm": "With -v, pdm asks for your user name and password.",
    }
    return [
        each._replace(
            login=logins.get(each.tool, ""),
            note=f"{asks.get(each.tool, '')} {each.note}".strip(),
            lines=each.lines.replace("pdm add ", "pdm add -v "),
            then=each.then.replace("pdm add ", "pdm add -v "),
        )
        for each in lines
    ]
