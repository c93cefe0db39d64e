"""Tables of a parsed TOML document, which costs no import of a parser."""

from collections.abc import Mapping
from typing import Any


def table_at(document: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return the table at a dotted path; an empty one where there is none."""
    found: Any = document
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, dict) else {}
