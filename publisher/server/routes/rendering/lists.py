"""The list of all projects: its order, which is kept from one page to the next, and its body, made in pieces."""

import html
from collections.abc import Collection, Iterable, Iterator
from heapq import merge
from itertools import islice
from urllib.parse import quote

from publisher.server.routes.rendering.forms import API_VERSION, as_html
from publisher.server.upstream.pages.json_text import encode

PIECE = 1000
"""Names that are sorted or written in one step: while one takes place in C, no other thread runs."""


class NameOrder:
    """Sorts the names of projects; since most of them were sorted before, that costs little after a change."""

    def __init__(self) -> None:
        self._known: list[str] = []

    def sorted(self, names: Collection[str]) -> list[str]:
        """Return names in their order, in a list that must not be changed; may run in any thread."""
        present = set(names)
        known = [name for name in self._known if name in present]
        known += merge(*map(sorted, _pieces(present.difference(known))))
        known.sort()  # two sorted runs, which takes one comparison for each name
        self._known = known
        return known


def index_json(names: Iterable[str]) -> bytes:
    """Return the list in JSON."""
    pieces = [encode([{"name": name} for name in piece])[1:-1] for piece in _pieces(names)]
    return b'{"meta":%b,"projects":[%b]}' % (encode({"api-version": API_VERSION}), b",".join(pieces))


def index_html(names: Iterable[str]) -> bytes:
    """Return the list in HTML."""
    links = "\n".join(f'<a href="{quote(name)}/">{html.escape(name)}</a><br>' for name in names)
    return as_html("Simple index", links)


def _pieces(names: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(names)
    while piece := list(islice(rest, PIECE)):
        yield piece
