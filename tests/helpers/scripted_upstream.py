"""An upstream's answers without a network: pages and files in the order in which a test wrote them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

from publisher.limits import UpstreamLimits
from publisher.server.settings import UpstreamSource
from publisher.server.upstream.client import FileReply, PageReply, UpstreamClient


@dataclass
class ScriptedFile:
    """An answer to a request for a file, whose chunks come when ``gate`` is open."""

    parts: Sequence[bytes | Exception]
    status: int = 200
    length: int | None = None
    has_end: bool = True
    gate: asyncio.Event | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            if self.gate is not None:
                await self.gate.wait()
            if isinstance(part, Exception):
                raise part
            yield part


class ScriptedClient(UpstreamClient):
    """Gives its answers one after the other, raises those that are exceptions, and notes what was asked."""

    def __init__(self, *answers: "PageReply | ScriptedFile | Exception") -> None:
        super().__init__(UpstreamLimits())
        self.answers = list(answers)
        self.asked: list[str] = []
        self.etags: list[str] = []
        self.gate = asyncio.Event()
        """No page is answered before it is open."""
        self.gate.set()

    async def page(self, source: UpstreamSource, url: str, etag: str) -> PageReply:  # noqa: ARG002 - as the client's
        self.asked.append(url)
        self.etags.append(etag)
        await self.gate.wait()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, PageReply)
        return answer

    @asynccontextmanager
    async def file(self, source: UpstreamSource, url: str) -> AsyncIterator[FileReply]:  # noqa: ARG002 - as the client's
        self.asked.append(url)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        yield cast("FileReply", answer)
