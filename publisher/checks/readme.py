"""Checks of the README, which becomes the description on the index."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from publisher.checks.document import Document
from publisher.checks.metadata import render_rst
from publisher.checks.rules import RULES
from publisher.checks.violations import Violation
from publisher.limits import LIMITS
from publisher.project.display import human_size
from publisher.project.toml_positions import Place

_TYPES = {".md": "text/markdown", ".rst": "text/x-rst", ".txt": "text/plain"}
_PICTURE = re.compile(
    r"!\[[^\]]*\]\((?!https?:|data:|#)([^)\s]+)|<img[^>]+src=[\"'](?!https?:|data:)([^\"']+)", re.IGNORECASE
)


def check_readme(document: Document) -> Iterator[Violation]:
    """Check that the README can be shown."""
    if not document.project or "readme" in document.dynamic:
        return
    readme = document.project.get("readme")
    place: Place = ("project", "readme")
    match readme:
        case None:
            yield document.violation("PP406", ("project",), "[project] has no readme")
        case str():
            yield from _check_file(document, place, readme, None)
        case {"file": str(name)}:
            yield from _check_file(document, (*place, "file"), name, readme.get("content-type"))
        case {"text": str(text)}:
            if not readme.get("content-type"):
                yield document.violation("PP402", place, "the README has no content-type")
            yield from _check_text(document, None, place, text, _media_type(readme))


def _media_type(readme: Mapping[str, object]) -> str:
    return str(readme.get("content-type", "")).partition(";")[0].strip().lower()


def _check_file(document: Document, place: Place, name: str, content_type: object) -> Iterator[Violation]:
    path = document.folder / name
    kind = _media_type({"content-type": content_type}) if content_type else _TYPES.get(Path(name).suffix.lower())
    if kind not in _TYPES.values():
        if content_type:
            problem = f"unknown content-type {content_type!r}; use text/markdown, text/x-rst or text/plain"
        else:
            problem = f"unknown file type of {name!r}; use .md, .rst or .txt, or set content-type"
        yield document.violation("PP402", place, problem)
        kind = None
    try:
        data = path.read_bytes()
    except (OSError, ValueError):  # a name may contain characters that no file system accepts
        yield document.violation("PP401", place, f"file {name!r} does not exist")
        return
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        yield Violation(RULES["PP403"], path, "file is not valid UTF-8", line)
        return
    yield from _check_text(document, path, place, text, kind)


def _check_text(
    document: Document, path: Path | None, place: Place, text: str, kind: str | None
) -> Iterator[Violation]:
    """Check the text of the README, from a file of its own or from pyproject.toml."""
    size, limit = len(text.encode()), LIMITS.distributions.metadata
    if size > limit:
        message = f"the README is {human_size(size)}, over the limit of {human_size(limit)}"
        yield document.violation("PP408", place, message)
        return
    if not text.strip():
        yield document.violation("PP405", place, "the README is empty")
        return
    offset = 0 if path is not None else (document.line(place) or 1) - 1
    where = path or document.path
    if kind == "text/x-rst":
        for line, message in render_rst(text):
            yield Violation(RULES["PP404"], where, message, (line or 1) + offset)
    elif kind == "text/markdown":
        for found in _PICTURE.finditer(text):
            line = text.count("\n", 0, found.start()) + 1 + offset
            yield Violation(RULES["PP407"], where, f"image URL {(found[1] or found[2])!r} is not absolute", line)
