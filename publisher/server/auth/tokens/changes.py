"""Creating and revoking stored tokens: one change of their file at a time, durable before it is answered."""

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from publisher.server.auth.fresh_copy import parse_for_change
from publisher.server.auth.principal import Grant
from publisher.server.auth.tokens.format import new_token
from publisher.server.auth.tokens.records import (
    KEY,
    TOKENS_EACH,
    InvalidTokenRequestError,
    TokenRecord,
    read_document,
)
from publisher.server.storage.base import Files, Storage
from publisher.server.storage.errors import AbsentError, ChangedError

_Document = dict[str, Any]


class TokenChanges:
    """Changes the file with tokens, and calls ``changed`` then; unknown fields in there stay."""

    def __init__(self, storage: Storage, changed: Callable[[], None]) -> None:
        self._storage = storage
        self._changed = changed

    async def create(
        self, owner: str, name: str, grants: tuple[Grant, ...], *, expires: float | None, by: str
    ) -> tuple[TokenRecord, str]:
        """Make a token and return its record and its text, which is stored nowhere; raise InvalidTokenRequestError."""
        identifier, text = new_token()
        digest = hashlib.sha256(text.encode()).hexdigest()
        record = TokenRecord(identifier, name, owner, digest, grants, time.time(), by, expires)

        def change(document: _Document) -> None:
            owned = [each for each in document["tokens"] if each.get("owner") == owner]
            if any(each.get("name") == name for each in owned):
                raise InvalidTokenRequestError(
                    f"{owner} has a token {name!r} already: revoke it, or choose another name."
                )
            if len(owned) >= TOKENS_EACH:
                raise InvalidTokenRequestError(f"{owner} has {TOKENS_EACH} tokens already: revoke some.")
            document["tokens"].append(record.as_record())

        await self._change(change)
        return record, text

    async def revoke(self, owner: str, name: str | None = None) -> Sequence[str]:
        """End a token of an account, or all of them, and return their names."""
        ended: list[str] = []

        def change(document: _Document) -> None:
            ended.clear()
            kept = []
            for each in document["tokens"]:
                if each.get("owner") == owner and name in {None, each.get("name")}:
                    ended.append(str(each.get("name")))
                else:
                    kept.append(each)
            document["tokens"] = kept

        await self._change(change)
        return sorted(ended)

    async def _change(self, change: Callable[[_Document], None]) -> None:
        def work(files: Files) -> None:
            while True:
                try:
                    version: str | None = files.stat(KEY).version
                    before = files.read(KEY)
                except AbsentError:
                    version, before = None, b""
                document = parse_for_change(KEY, read_document, before)
                change(document)
                after = json.dumps(document, indent=1).encode() + b"\n"
                if after == before or (not before and not document["tokens"]):
                    return
                with suppress(ChangedError):
                    files.replace(KEY, after, version)
                    return

        async with self._storage.lease("tokens") as lease, self._storage.writing(lease) as files:
            await asyncio.to_thread(work, files)
        self._changed()
