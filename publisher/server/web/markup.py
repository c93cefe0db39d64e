"""Sanitized HTML of a README as a part of a page: it loads nothing, and takes no name or heading of the page."""

import re
from collections.abc import Iterable
from html import escape
from html.parser import HTMLParser
from urllib.parse import quote, urlsplit

_PREFIX = "readme-"
_OUTSIDE = {"http", "https", "mailto"}
_EMPTY = {"br", "hr", "col"}
_RENAMED = {"section": "div", "aside": "div", "nav": "div", "figure": "div", "figcaption": "div", "picture": "span"}
_RENAMED |= {"tt": "code", "acronym": "abbr"} | {f"h{level}": f"h{min(level + 1, 6)}" for level in range(1, 7)}
_KEPT = {"title", "align", "colspan", "rowspan", "start"}
_TOKEN = re.compile(r"[a-z]{1,2}[0-9]?")
"""A class of Pygments, which colors a piece of code."""

_ADMONITIONS = {"admonition", "admonition-title", "note", "tip", "important", "warning", "caution", "danger", "error"}
_SPACE = re.compile(r"\s+")


def embed(html: str) -> str:
    """
    Return HTML that was sanitized as a part of one of our pages.

    Images become links with their texts, since a page loads nothing from elsewhere. Headings move down one level.
    Links that lead nowhere on this index lose their targets.
    """
    part = _Part()
    part.feed(html)
    part.close()
    return "".join(part.pieces)


class _Part(HTMLParser):
    """Writes HTML as it reads it, piece by piece."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._ids: set[str] = set()
        self._links = 0
        self._waiting: str | None = None
        """The start of a link that has no contents yet: one without any is invisible."""
        self._code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a":
            self._start_link(given)
        elif tag == "img":
            self._write_image(given)
        elif tag == "input":
            self._write("☑ " if "checked" in given else "☐ ")
        elif tag in _EMPTY:
            self._write(f"<{tag}>")
        else:
            self._code += tag in {"pre", "code"}
            before = '<div class="scroll" tabindex="0" role="group" aria-label="Table">' if tag == "table" else ""
            self._write(f"{before}<{_RENAMED.get(tag, tag)}{self._attributes(tag, given)}>")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._end_link()
        elif tag not in {*_EMPTY, "img", "input"}:
            self._code -= tag in {"pre", "code"}
            self._write(f"</{_RENAMED.get(tag, tag)}>" + ("</div>" if tag == "table" else ""))

    def handle_data(self, data: str) -> None:
        text = escape(data, quote=False)
        if data.isspace() and self._waiting is not None:
            self.pieces.append(text)
        else:
            self._write(text)

    def _write(self, piece: str) -> None:
        if self._waiting is not None:
            self.pieces.append(self._waiting)
            self._waiting = None
        self.pieces.append(piece)

    def _start_link(self, given: dict[str, str]) -> None:
        self._end_link()
        href = _target(given.get("href", ""))
        kept = _written({"href": href, "id": self._id(given), "title": given.get("title", "")})
        rel = ' rel="nofollow noreferrer"' if href and not href.startswith("#") else ""
        self._waiting = f"<a{kept}{rel}>" if href else ""
        self._links += bool(href)

    def _end_link(self) -> None:
        if self._waiting is not None:
            self._links -= bool(self._waiting)
            self._waiting = None
        elif self._links:
            self.pieces.append("</a>")
            self._links -= 1

    def _write_image(self, given: dict[str, str]) -> None:
        text = escape(_SPACE.sub(" ", given.get("alt", "")).strip() or "image")
        source = _target(given.get("src", ""))
        if self._links or not source.startswith("http"):
            self._write(f'<span class="image">{text}</span>')
        else:
            self._write(f'<a class="image" href="{escape(source)}" rel="nofollow noreferrer">{text}</a>')

    def _attributes(self, tag: str, given: dict[str, str]) -> str:
        kept = {name: value for name, value in given.items() if name in _KEPT}
        classes = " ".join(_classes(given.get("class", "").split(), in_code=self._code > 0))
        kept |= {"id": self._id(given), "class": classes, "tabindex": "0" if tag == "pre" else ""}
        return _written(kept)

    def _id(self, given: dict[str, str]) -> str:
        name = _SPACE.sub("-", given.get("id", ""))
        if not name or name in self._ids:
            return ""
        self._ids.add(name)
        return _PREFIX + name


def _classes(given: Iterable[str], *, in_code: bool) -> list[str]:
    return [name for name in given if name in _ADMONITIONS or (in_code and _TOKEN.fullmatch(name))]


def _target(href: str) -> str:
    """Return a link's target, empty for one that means a place beside the README, which is not here."""
    if href.startswith("#"):
        return f"#{_PREFIX}{href[1:]}" if len(href) > 1 else ""
    try:
        parts = urlsplit(href)
    except ValueError:
        return ""
    if parts.scheme.lower() not in _OUTSIDE or (parts.scheme.lower() != "mailto" and not parts.netloc):
        return ""
    return quote(href, safe="%/:?#[]@!$&'()*+,;=~")


def _written(attributes: dict[str, str]) -> str:
    return "".join(f' {name}="{escape(value)}"' for name, value in attributes.items() if value)
