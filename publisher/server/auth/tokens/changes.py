"""Creating and revoking stored tokens: one change of their file at a time, durable before it is answered."""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from publisher.server.auth.principal import Grant
from publisher.server.auth.rewriting import parse_for_change, rewrite_alone
from publisher.server.auth.tokens.format import new_token
from publisher.server.auth.tokens.records import (
    KEY,
    TOKENS_EACH,
    InvalidTokenRequestError,
    TokenRecord,
    read_document,
)
from publisher.server.storage.base import Storage

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
        def rewritten(before: bytes | None) -> tuple[bytes | None, None]:
            document = parse_for_change(KEY, read_document, before)
            change(document)
            if not before and not document["tokens"]:
                return None, None
            return json.dumps(document, indent=1).encode() + b"\n", None

        await rewrite_alone(self._storage, "tokens", KEY, rewritten)
        self._changed()
