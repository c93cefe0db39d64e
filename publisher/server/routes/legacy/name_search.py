"""The search for projects by name that ``pip search`` and other clients of XML-RPC send."""

from collections.abc import Iterator
from itertools import islice
from typing import Any
from xml.parsers import expat

from publisher.server.http.forwarding import place_of
from publisher.server.http.messages import HttpError, Request, Response
from publisher.server.names.filenames import guess, normalize
from publisher.server.names.versions import newest_first
from publisher.server.routes.authorization import Authorization, ReadScope
from publisher.server.settings import ServerSettings
from publisher.server.store.interface import PackageCatalog
from publisher.server.work.turns import FairTurns


class NameSearch:
    """Answers ``POST /RPC2``."""

    def __init__(self, settings: ServerSettings, catalog: PackageCatalog, authorization: Authorization) -> None:
        self._catalog = catalog
        self._authorization = authorization
        self._limits = limits = settings.limits
        self._turns = FairTurns(
            "searches", running=1, waiting=limits.waiting_legacy_requests, patience=limits.legacy_patience
        )

    async def answer(self, request: Request, _rest: str = "") -> Response:
        """Return name and newest version of the projects whose names contain a text, up to ``search_results``."""
        text = read_search(await request.body(), self._limits.search_elements)
        await self._catalog.refresh()
        scope = await self._authorization.read_scope(request)
        async with self._turns.turn(request.username or place_of(request.client)):
            body = await self._catalog.workers.run(lambda: self._found(text, scope))
        return Response(200, body, [(b"content-type", b"text/xml"), (b"cache-control", b"no-store")])

    def _found(self, text: str, scope: ReadScope) -> bytes:
        import xmlrpc.client  # noqa: PLC0415 - 10 ms, and most indexes are never searched

        found = list(islice(self._entries(normalize(text), scope), self._limits.search_results))
        return xmlrpc.client.dumps((found,), methodresponse=True).encode()

    def _entries(self, wanted: str, scope: ReadScope) -> Iterator[dict[str, Any]]:
        for name in self._catalog.names():
            if wanted in name and scope.shows(name):
                project = self._catalog.project(name)
                guesses = map(guess, list(project.places) if project is not None else [])
                version = next(iter(newest_first(found.version for found in guesses if found is not None)), None)
                if version is not None:
                    yield {"name": name, "version": version, "summary": version, "_pypi_ordering": 0}


def read_search(body: bytes, most_elements: int) -> str:
    """
    Return the text that a call of the method ``search`` looks for: the first string in it.

    Raises HttpError 400 for any other call, at the first declaration of a document type or the first element too many.
    """
    reader = _CallReader(most_elements)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(body, True)  # noqa: FBT003 - the parser takes no keywords
    except (expat.ExpatError, ValueError, LookupError) as error:  # LookupError: an unknown encoding
        raise HttpError(400, "This is not an XML-RPC call.") from error
    method, text = reader.found.get("methodName", "").strip(), reader.found.get("string", "").strip()
    if method != "search" or not text:
        raise HttpError(400, "This index answers one XML-RPC call: search, with a string.")
    return text


class _CallReader:
    """Keeps the text of the first element of each kind."""

    def __init__(self, most_elements: int) -> None:
        self._most_elements = most_elements
        self.found: dict[str, str] = {}
        self._elements = 0
        self._reading = ""

    def refuse(self, *_: object) -> None:
        raise ValueError

    def start(self, name: str, _attributes: object) -> None:
        self._elements += 1
        if self._elements > self._most_elements:
            raise ValueError
        self._reading = "" if name in self.found else name
        self.found.setdefault(name, "")

    def end(self, _name: str) -> None:
        self._reading = ""

    def text(self, data: str) -> None:
        if self._reading:
            self.found[self._reading] += data
