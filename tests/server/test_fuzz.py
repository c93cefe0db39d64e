"""
Sound archives, metadata, forms, JSON, heads and file names with random damage: each is taken or refused.

``FUZZ_EXAMPLES`` sets how many of each are tried; the default takes seconds.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from publisher.errors import InvalidDistributionError
from publisher.project.distributions import parse_filename, read_distribution
from publisher.server.http.json_body import JsonBody, JsonKey, JsonKind
from publisher.server.http.messages import HttpError, Request
from publisher.server.routes.upload_checks import check_filename
from tests.helpers.dists import make_sdist, make_wheel, metadata
from tests.helpers.index import RunningIndex
from tests.server.test_hostile import Post, form
from tests.server.test_properties import feed

HEAD = (
    b"GET /simple/ HTTP/1.1\r\nHost: index\r\nConnection: close\r\n"
    b"Accept: text/html\r\nContent-Length: 4\r\nTE: trailers\r\n\r\nbody"
)
WHEEL, SDIST = "acme_widgets-1.0-py3-none-any.whl", "acme_widgets-1.0.tar.gz"

fuzzed = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "40")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
pieces = st.binary(max_size=12) | st.sampled_from(
    [b"\r\n", b"\r", b"\0", b"\xff" * 8, b"\nContent-Type: message/rfc822\n\n", b"..", b"9" * 30, b": ", b"\n ", b"%00"]
)
damage = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), pieces), min_size=1, max_size=6)
Damage = list[tuple[float, int, bytes]]


def damaged(data: bytes, changes: Damage) -> bytes:
    """Return bytes in which some were replaced, each change at a share of the length."""
    for place, removed, added in changes:
        start = int(place * len(data))
        data = data[:start] + added + data[start + removed :]
    return data


def refused_well(reason: str, status: int = 400) -> bool:
    """Require a reason and a client's fault; return False."""
    assert reason
    assert 400 <= status < 500
    return False


def taken(work: Callable[[], object]) -> bool:
    """Return whether work succeeds; a refusal needs its reason, and anything else that is raised is a fault."""
    try:
        work()
    except InvalidDistributionError as error:
        return refused_well(error.message)
    except HttpError as error:
        return refused_well(error.message, error.status)
    return True


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("sound")
    return {
        WHEEL: make_wheel(folder, "acme_widgets").read_bytes(),
        SDIST: make_sdist(folder, "acme_widgets", "1.0").read_bytes(),
    }


@fuzzed
@given(st.sampled_from([WHEEL, SDIST]), damage)
def test_damaged_archives(sound: dict[str, bytes], tmp_path: Path, filename: str, changes: Damage) -> None:
    path = tmp_path / "upload"
    path.write_bytes(damaged(sound[filename], changes))
    taken(lambda: read_distribution(path, filename))


@fuzzed
@given(damage)
def test_damaged_metadata(tmp_path: Path, changes: Damage) -> None:
    text = metadata("acme_widgets", "1.0") + b"Requires-Python: >=3.9\nRequires-Dist: acme[a]>=1; os_name=='nt'\n"
    path = make_wheel(tmp_path, "acme_widgets", metadata_bytes=damaged(text, changes))
    taken(lambda: read_distribution(path, WHEEL))


@fuzzed
@given(damage, st.lists(st.integers(1, 200), min_size=1, max_size=5))
def test_damaged_forms(sound: dict[str, bytes], changes: Damage, sizes: list[int]) -> None:
    body = form(sound[WHEEL])
    taken(lambda: feed(damaged(body, changes), sizes))


@fuzzed
@given(damage)
def test_damaged_json(changes: Damage) -> None:
    keys = JsonBody({kind.name: JsonKey(kind) for kind in JsonKind})
    body = (
        b'{"TEXT": "d\\u00e9j\xc3\xa0", "TEXTS": ["a", ""], "FLAG": true, "NUMBER": -1.5e3, "TABLE": {"a": {"b": []}}}'
    )

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": damaged(body, changes)}

    scope = {"type": "http", "method": "PUT", "path": "/", "headers": [(b"content-type", b"application/json")]}
    taken(lambda: asyncio.run(keys.read(Request(scope, receive))))


@fuzzed
@given(st.sampled_from([WHEEL, SDIST]), damage)
def test_damaged_file_names(filename: str, changes: Damage) -> None:
    name = damaged(filename.encode(), changes).decode("utf-8", "surrogateescape")
    taken(lambda: parse_filename(name))
    if taken(lambda: check_filename(name, accept_legacy=False)):
        assert name.isascii()
        assert not set(name) & set("/\\<>\"'&\0\r\n")


def answer(address: tuple[str, int], request: bytes, patience: float) -> bytes:
    """Return what comes back until the index closes, or sends nothing for so many seconds because it waits for more."""
    received = b""
    with socket.create_connection(address, timeout=patience) as connection, suppress(OSError):
        connection.sendall(request)
        while data := connection.recv(65536):
            received += data
    return received


@fuzzed
@given(st.sampled_from([HEAD, Post(form(b"no archive")).wire()]), damage)
def test_damaged_requests(shared_index: RunningIndex, wire: bytes, changes: Damage) -> None:
    parts = urlsplit(shared_index.url)
    address = str(parts.hostname), int(parts.port or 0)
    received = answer(address, damaged(wire, changes), 0.1)
    assert received == b"" or received.startswith(b"HTTP/1.1 ")
    assert not received.startswith(b"HTTP/1.1 5")
    assert b" 200 OK" in answer(address, b"GET /health HTTP/1.1\r\nHost: index\r\nConnection: close\r\n\r\n", 20)
