"""Bytes that are wanted from upstream are checked by all that its page and its answer say about them."""

import asyncio
import hashlib
import zipfile
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from publisher.server.settings import UpstreamSource
from publisher.server.upstream.client import FileReply
from publisher.server.upstream.errors import NotUpstreamError, UpstreamUnavailableError, WrongContentError
from publisher.server.upstream.files.public_files import metadata_in
from publisher.server.upstream.files.wanted import Wanted
from tests.helpers.passing_on import find, passing_on, read, settings_for
from tests.helpers.upstream import SIGN_IN, FakeUpstream
from tests.helpers.waiting import eventually_async

if TYPE_CHECKING:
    import aiohttp

SOURCE = UpstreamSource("https://acme.example/")


def wanted(filename: str = "a-1.0.tar.gz", hashes: dict[str, str] | None = None, size: int | None = None) -> Wanted:
    return Wanted(SOURCE, "", filename, "key", hashes or {}, size, 100)


def reply(status: int = 200, length: int | None = None) -> FileReply:
    return cast("FileReply", SimpleNamespace(status=status, length=length))


@pytest.mark.parametrize(
    ("filename", "begin"),
    [
        ("a-1.0-py3-none-any.whl", b"PK\x03\x04"),
        ("a-1.0.zip", b"PK\x03\x04"),
        ("a-1.0-py3.egg", b"PK\x03\x04"),
        ("A-1.0.WHL", b"PK\x03\x04"),
        ("a-1.0.tar.gz", b"\x1f\x8b\x08"),
        ("a-1.0.tgz", b"\x1f\x8b\x08"),
        ("a-1.0.tar.bz2", b"BZh9"),
        ("a-1.0.tar.xz", b"\xfd7zXZ\x00"),
    ],
)
def test_an_archive_begins_as_its_name_says(filename: str, begin: bytes) -> None:
    for piece in (begin, begin + b"more", begin[:1], b""):
        wanted(filename).check_first(piece)
    for piece in (SIGN_IN, b"{}", begin[1:] + begin[:1]):
        for hashes in ({}, {"sha256": "0"}):
            with pytest.raises(WrongContentError, match="is not an archive"):
                wanted(filename, hashes).check_first(piece)


@pytest.mark.parametrize("filename", ["a-1.0.tar", "a-1.0.exe", "a-1.0-py3-none-any.whl.metadata"])
def test_a_web_page_is_no_file_of_any_kind_unless_a_digest_says_so(filename: str) -> None:
    for page in (SIGN_IN, b"\n <html>"):
        with pytest.raises(WrongContentError, match="sent a web page"):
            wanted(filename).check_first(page)
        wanted(filename, {"sha256": "0"}).check_first(page)
    wanted(filename).check_first(b"Metadata-Version: 2.1\n")


@pytest.mark.parametrize(
    ("body", "right"),
    [
        (b"Metadata-Version: 2.4\nName: a\n", True),
        (b"Name: a\r\nmetadata-version: 1.0\r\n", True),
        (b"", False),
        (b"Name: a\nVersion: 1.0\n", False),
        (b"please sign in to the network; Metadata-Version: 2.4", False),
    ],
)
def test_metadata_without_a_digest_says_that_it_is_metadata(body: bytes, right: bool) -> None:  # noqa: FBT001
    filename = "a-1.0-py3-none-any.whl.metadata"
    if right:
        wanted(filename).check_metadata(body)
    else:
        with pytest.raises(WrongContentError, match="is not the metadata"):
            wanted(filename).check_metadata(body)
    wanted(filename, {"sha256": "0"}).check_metadata(body)  # the digest decides
    wanted("a-1.0.tar.gz").check_metadata(body)


@pytest.mark.parametrize(
    ("headers", "length", "hashes", "size", "kept"),
    [
        ({}, 7, {}, None, True),
        ({}, None, {}, None, False),
        ({"Transfer-Encoding": "Chunked"}, None, {}, None, True),
        ({"Transfer-Encoding": "identity"}, None, {}, None, False),
        ({}, None, {"md5": "0"}, None, True),
        ({}, None, {}, 0, True),
    ],
)
def test_only_answers_whose_end_is_certain_are_kept(
    headers: dict[str, str],
    length: int | None,
    hashes: dict[str, str],
    size: int | None,
    kept: bool,  # noqa: FBT001
) -> None:
    response = SimpleNamespace(status=200, content_length=length, headers=headers)
    answer = FileReply(cast("aiohttp.ClientResponse", response))
    assert wanted(hashes=hashes, size=size).may_be_kept(answer) is kept


@pytest.mark.parametrize(
    ("status", "error"), [(404, NotUpstreamError), (403, UpstreamUnavailableError), (206, UpstreamUnavailableError)]
)
def test_another_status_than_200_is_no_file(status: int, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"a-1\.0\.tar\.gz"):
        wanted().length_in(reply(status, 7))


def test_sizes_and_lengths_must_agree_and_bytes_keep_to_them() -> None:
    with pytest.raises(WrongContentError, match="has 6 bytes; its page announces 7"):
        wanted(size=7).length_in(reply(length=6))
    assert wanted().length_in(reply(length=100)) == 100
    with pytest.raises(UpstreamUnavailableError, match="larger than the 100 bytes"):
        wanted().length_in(reply(length=101))
    wanted().check_received(100, None)
    wanted().check_received(7, 7)
    for received, length in ((101, None), (8, 7)):
        with pytest.raises(WrongContentError, match="more bytes"):
            wanted().check_received(received, length)


def test_every_announced_digest_is_verified_and_the_length() -> None:
    body = b"bytes"
    right = {"md5": hashlib.md5(body, usedforsecurity=False).hexdigest(), "sha256": hashlib.sha256(body).hexdigest()}

    def verify(hashes: dict[str, str], length: int | None = 5, written: int = 5) -> None:
        file = wanted(hashes=hashes)
        digests = file.digests()
        assert set(digests) == {*hashes, "sha256"}
        for digest in digests.values():
            digest.update(body)
        file.verify(written, length, digests)

    verify(right)
    verify({})
    verify(right, None)
    for name in right:
        with pytest.raises(WrongContentError, match=f"another {name} than"):
            verify({**right, name: right[name][:-1] + "x"})
    with pytest.raises(UpstreamUnavailableError, match="4 of 5 bytes"):
        verify(right, 5, 4)


@pytest.mark.parametrize("announced", [True, {"crc32c": "0"}], ids=str)
@pytest.mark.parametrize("fault", ["sign-in page", "garbage"])
def test_a_web_page_is_never_stored_as_metadata_that_has_no_digest(
    fake: FakeUpstream, tmp_path: Path, announced: Any, fault: str
) -> None:
    file = fake.add(tmp_path, "foo", extra={"core-metadata": announced})
    fake.faults["metadata"] = fault
    settings = settings_for(fake, tmp_path)

    async def scenario() -> None:
        async with passing_on(settings) as upstream:
            found = await find(upstream, file.path)
            with pytest.raises(WrongContentError):
                await upstream.metadata(found)
            assert not list((settings.cache / "files").rglob("*/*"))
        fake.faults = {}
        async with passing_on(settings) as upstream:
            assert await upstream.metadata(await find(upstream, file.path)) == file.metadata
            await eventually_async(lambda: bool(list((settings.cache / "files").rglob("meta-*"))))

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", ["file", "metadata"])
def test_a_file_whose_end_is_not_certain_is_passed_on_and_not_stored(
    fake: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    file = fake.add(tmp_path, "foo", extra={"hashes": {}, "size": None, "core-metadata": True})
    _without_length(monkeypatch)
    settings = settings_for(fake, tmp_path)

    async def scenario() -> None:
        async with passing_on(settings) as upstream:
            for turn in (1, 2):
                if kind == "file":
                    assert await read(upstream, file.path) == file.data
                else:
                    assert await upstream.metadata(await find(upstream, file.path)) == file.metadata
                await eventually_async(lambda: not upstream.files._downloads._running)
                assert fake.count(kind) == turn
                assert not upstream.learned.digest(fake.url.rstrip("/") + file.path)
        assert not list((settings.cache / "files").rglob("*/*"))
        assert not list((settings.cache / "tmp").iterdir())

    asyncio.run(scenario())


def _without_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the fake index say the end of files by the end of the connection alone."""
    from tests.helpers import upstream  # noqa: PLC0415 - for the private class

    begin = upstream._Handler._begin

    def begin_openly(self: Any, status: int, length: int | None, kind: str, headers: Any = None) -> None:
        is_page = self.path.startswith("/simple/")
        if not is_page:
            self.close_connection = True
        begin(self, status, length if is_page else None, kind, headers)

    monkeypatch.setattr(upstream._Handler, "_begin", begin_openly)


def wheel_of(**members: bytes) -> BytesIO:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return packed


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"a-1.0.dist-info/METADATA": b"ours"}, b"ours"),
        ({"a/METADATA": b"no", "a-1.0.dist-info/sub/METADATA": b"no", "a-1.0.dist-info/METADATA": b"ours"}, b"ours"),
        ({"a-1.0.dist-info/RECORD": b"", "METADATA": b"no"}, None),
        ({}, None),
    ],
)
def test_the_metadata_of_a_wheel_is_where_wheels_have_it(
    tmp_path: Path, members: dict[str, bytes], expected: bytes | None
) -> None:
    wheel = tmp_path / "a.whl"
    wheel.write_bytes(wheel_of(**members).getvalue())
    if expected is None:
        with pytest.raises(NotUpstreamError, match="has no metadata"):
            metadata_in(wheel)
    else:
        assert metadata_in(wheel) == expected


def test_a_wheel_that_can_not_be_read_has_no_metadata_and_a_disk_that_can_not_is_no_answer(tmp_path: Path) -> None:
    broken = tmp_path / "broken.whl"
    broken.write_bytes(b"PK no archive")
    with pytest.raises(NotUpstreamError, match="can be read"):
        metadata_in(broken)
    with pytest.raises(UpstreamUnavailableError, match="cache can't be read: No such file"):
        metadata_in(tmp_path / "absent.whl")
