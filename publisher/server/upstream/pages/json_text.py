"""JSON of pages with thousands of files: by msgspec where it is installed, several times as fast as Python's own."""

import json
from contextlib import suppress
from typing import Any

fast_json: Any = None
with suppress(ImportError):  # it does not support every interpreter
    from msgspec import json as msgspec_json  # noqa: TID251 - the only door to msgspec

    fast_json = msgspec_json


def decode(body: bytes) -> Any:
    """Return the value of a JSON document; raises ValueError and RecursionError, as `json.loads`."""
    if fast_json is not None:
        with suppress(ValueError, RecursionError):  # such as NaN and lone surrogates, on which Python decides
            return fast_json.decode(body)
    return json.loads(body)


def encode(value: Any) -> bytes:
    """Return a value as JSON in UTF-8, without spaces; lone surrogates become question marks."""
    if fast_json is not None:
        with suppress(ValueError):  # a lone surrogate
            return bytes(fast_json.encode(value))
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
