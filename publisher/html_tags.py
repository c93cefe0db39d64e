"""The start tags of an untrusted HTML page, read in linear time."""

# Not html.parser, which needs quadratic time for "<!--<!--<!--...".

import html
import re
from collections.abc import Iterator
from typing import NamedTuple

MOST_STEPS = 2_000_000
"""Tags and attributes of one page: ten times the number on a page with 200,000 files."""

_TAG = re.compile(r"<([a-zA-Z][^\s/>]*)")
_ATTRIBUTE = re.compile(r"""[\s/]*([^\s/>][^\s/>=]*)(\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]*)))?""")
_END = re.compile(r"[\s/]*>")
_TEXT = {"script", "style", "title", "textarea"}
"""Elements in which a tag is text."""


class StartTag(NamedTuple):
    """A start tag in lower case, its attributes, and for those whose contents are no tags, these contents."""

    name: str
    attributes: dict[str, str | None]
    text: str = ""


def start_tags(page: str) -> Iterator[StartTag]:
    """Yield the start tags outside of comments; raises ValueError for a page with too many of them."""
    position, steps = 0, 0
    while (position := page.find("<", position)) >= 0:
        steps += 1
        tag = _TAG.match(page, position)
        if tag is None:
            position = _after_other(page, position)
            continue
        name, attributes, position = tag[1].lower(), dict[str, str | None](), tag.end()
        while (end := _END.match(page, position)) is None and (found := _ATTRIBUTE.match(page, position)):
            value = next((value for value in found.group(3, 4, 5) if value is not None), None)
            attributes.setdefault(found[1].lower(), html.unescape(value) if value is not None else None)
            position, steps = found.end(), steps + 1
        if steps > MOST_STEPS:
            raise ValueError(f"it has more than {MOST_STEPS} tags and attributes")
        if end is None:  # the page is cut short
            return
        position = end.end()
        text = _text(page, position, name) if name in _TEXT else ""
        position += len(text)
        yield StartTag(name, attributes, text)


def _after_other(page: str, position: int) -> int:
    """Return where to go on after a comment, a declaration, an end tag or a plain ``<``."""
    if page.startswith("<!--", position):
        closing = "-->"
    elif page.startswith(("<!", "<?", "</"), position):
        closing = ">"
    else:
        return position + 1
    end = page.find(closing, position + 2)
    return end + len(closing) if end >= 0 else len(page)


def _text(page: str, position: int, name: str) -> str:
    """Return the contents of an element that has no tags in it."""
    end = re.compile(rf"</{name}", re.IGNORECASE).search(page, position)
    return page[position : end.start() if end else len(page)]
