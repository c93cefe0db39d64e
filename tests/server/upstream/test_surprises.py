"""Unexpected answers of an upstream, and rare requests of clients."""

import asyncio
import gzip
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from publisher.limits import MEGABYTE
from publisher.server.settings import Activity
from publisher.server.upstream import addresses, client
from publisher.server.upstream.breaker import CircuitBreaker
from publisher.server.upstream.errors import UpstreamUnavailableError
from publisher.server.upstream.lock_files import read_pinned
from publisher.server.upstream.pages.listing import parse_page
from tests.helpers.http import JSON, Client
from tests.helpers.inside import serving_app
from tests.helpers.passing_on import QUICK, filenames, page, passing_on, read, settings_for
from tests.helpers.upstream import FakeUpstream


@pytest.fixture
def public(fake: FakeUpstream, tmp_path: Path) -> Iterator[Client]:
    """Return a client of an index, in this process, that passes the fake one on."""
    folder = tmp_path / "index"
    folder.mkdir()
    settings = {"upstream": settings_for(fake, tmp_path), "authenticate": frozenset({Activity.UPDATE})}
    with serving_app(folder, settings) as (url, _):
        yield Client(url, None)


def _path(file: Any) -> str:
    return f"-/public/{file.path.removeprefix('/packages/')}"


@pytest.mark.parametrize(
    "body", [b" " * (4 * MEGABYTE), b'{"a":' * 100_000, b"[" * 100_000], ids=["bomb", "deep", "list"]
)
def test_a_page_that_would_take_much_memory_is_not_believed(
    fake: FakeUpstream, tmp_path: Path, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.add(tmp_path, "foo")
    monkeypatch.setattr(fake, "body_of", lambda _: (body, JSON))
    assert len(gzip.compress(body)) < MEGABYTE
    settings = settings_for(fake, tmp_path, limits=QUICK._replace(page_size=MEGABYTE))

    async def scenario() -> None:
        async with passing_on(settings) as upstream:
            with pytest.raises(UpstreamUnavailableError):
                await filenames(upstream, "foo")

    asyncio.run(scenario())


def test_a_page_of_very_many_files_is_read_up_to_its_limit() -> None:
    files = [
        {"filename": f"foo-{number}.tar.gz", "url": f"https://x.example/foo-{number}.tar.gz"} for number in range(2)
    ]
    many = {"meta": {"api-version": "1.0"}, "name": "foo", "files": files * 50_000}
    assert len(parse_page(json.dumps(many).encode(), "https://x.example/simple/foo/", "foo").listing.files) == 2


def test_claims_about_other_repositories_are_not_passed_on(fake: FakeUpstream, tmp_path: Path) -> None:
    fake.add(tmp_path, "foo")
    elsewhere = ["https://other.example/simple/foo/"]
    fake.page_extra["foo"] = {
        "meta": {"api-version": "1.2", "tracks": elsewhere},
        "alternate-locations": elsewhere,
        "project-status": {"status": "deprecated"},
    }

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path)) as upstream:
            assert "other.example" not in json.dumps(await page(upstream, "foo"))
            body = (await upstream.page("foo", "", as_json=False)).rendered.body
            assert b'<meta name="pypi:project-status" content="deprecated">' in body

    asyncio.run(scenario())


@pytest.mark.parametrize("leads", ["http://127.0.0.2:9/", "http://[::1]:9/", "http://localhost:9/", "http://127.2:9/"])
def test_a_public_upstream_leads_to_no_address_of_this_network(
    fake: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leads: str
) -> None:
    moved = fake.add(tmp_path, "foo")
    moved.extra["url"] = leads.rstrip("/") + moved.path

    async def is_public(_: str) -> bool:
        return True

    monkeypatch.setattr(client, "is_public_host", is_public)

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path)) as upstream:
            with pytest.raises(UpstreamUnavailableError, match="public address"):
                await read(upstream, moved.path)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("10.0.0.1", False),
        ("169.254.169.254", False),
        ("::ffff:10.0.0.1", False),
        ("x", False),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:  # noqa: FBT001 - a column of the table
    assert addresses.is_public_address(address) is public


@pytest.mark.parametrize(
    ("found", "public"),
    [
        (["93.184.215.14", "2606:2800:21f:cb07::1"], True),
        (["93.184.215.14", "10.0.0.1"], False),
        (["127.0.0.1"], False),
        ([], True),
    ],
)
def test_a_host_is_public_when_all_of_its_addresses_are(found: list[str], public: bool) -> None:  # noqa: FBT001
    async def scenario() -> bool:
        async def getaddrinfo(*_: object, **__: object) -> list[tuple[object, ...]]:
            if not found:
                raise socket.gaierror
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in found]

        asyncio.get_running_loop().getaddrinfo = getaddrinfo  # type: ignore[method-assign,assignment]
        return await addresses.is_public_host("public.example")

    assert asyncio.run(scenario()) is public


@pytest.mark.parametrize("size", [1000, 2 * MEGABYTE])
def test_heads_ranges_and_conditions_of_files_that_are_not_cached(
    fake: FakeUpstream, tmp_path: Path, public: Client, size: int
) -> None:
    names = ("head", "range", "suffix", "behind")
    files = {name: fake.add(tmp_path, name, data=Random(size).randbytes(size)) for name in names}
    head = public.request("HEAD", _path(files["head"]))
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(files["head"].data)), b"")
    for name, asked in (("range", slice(100, 301)), ("suffix", slice(-50, None))):
        header = "bytes=100-300" if name == "range" else "bytes=-50"
        answer = public.get(_path(files[name]), {"Range": header})
        assert (answer.status_code, answer.content) == (206, files[name].data[asked])
    assert public.get(_path(files["behind"]), {"Range": f"bytes={10 * size}-"}).status_code == 416
    etag = public.get(_path(files["range"])).headers["etag"]
    assert public.get(_path(files["range"]), {"If-None-Match": etag}).status_code == 304
    assert public.request("HEAD", "simple/head/").status_code == 200
    tag = public.get("simple/head/", {"Accept": JSON}).headers["etag"]
    assert public.get("simple/head/", {"Accept": JSON, "If-None-Match": tag}).status_code == 304


def test_private_packages_of_a_lock_file_are_not_asked_for_upstream(tmp_path: Path) -> None:
    def package(name: str, path: str) -> str:
        file = f'{{ url = "https://pypi.acme.example/{path}/{name}-1.tar.gz", hash = "sha256:{"a" * 64}" }}'
        return f'[[package]]\nname = "{name}"\nversion = "1"\nsource = {{ registry = "x" }}\nsdist = {file}\n'

    lock = tmp_path / "uv.lock"
    lock.write_text(package("acme-widgets", "packages") + package("friend", "-/public/aa"))
    assert [each.name for each in read_pinned(lock)] == ["friend"]
    lock.write_text(package("one", "packages") + package("friend", "packages/aa"))
    assert [each.name for each in read_pinned(lock)] == ["one", "friend"]


def test_after_the_pause_one_request_at_a_time_finds_out_if_upstream_answers_again() -> None:
    now = 100.0
    breaker = CircuitBreaker(2, 30.0, lambda: now)
    breaker.failed("refused")
    assert breaker.allows()
    breaker.failed("refused")
    assert (breaker.allows(), breaker.is_open) == (False, True)
    for _ in range(2):
        now += 30
        assert not breaker.is_open
        assert [breaker.allows(), breaker.allows()] == [True, False]
    breaker.succeeded()
    assert [breaker.allows(), breaker.allows()] == [True, True]
