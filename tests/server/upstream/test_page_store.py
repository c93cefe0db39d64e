"""Pages, what was learned, and renderings on the disk: whole and right, or not there."""

import hashlib
import json
import math
import os
from pathlib import Path

import pytest

from publisher.server.upstream.pages.gzips import compress
from publisher.server.upstream.pages.learned import LearnedFacts
from publisher.server.upstream.pages.listing import ListedFile, Listing
from publisher.server.upstream.pages.page_store import PageFacts, PageStore
from publisher.server.upstream.pages.recent import RenderedEarly
from publisher.server.upstream.pages.render import RenderedPage
from publisher.server.upstream.pages.renderings import RenderingStore

FACTS = PageFacts("https://mirror.example/simple/", "https://mirror.example/simple/foo/", '"tag"', 5.0, 600.0, gone=3.0)
BODY = b'{"files": []}'
DIGEST = hashlib.sha256(BODY).hexdigest()
URL = "https://files.example/foo-1.0.zip"


@pytest.fixture
def store(tmp_path: Path) -> PageStore:
    (tmp_path / "tmp").mkdir()
    return PageStore(tmp_path)


@pytest.mark.parametrize(
    "packed",
    [
        None,
        compress(
            BODY,
        ),
    ],
)
def test_a_page_is_stored_with_its_facts_and_its_confirmation(
    store: PageStore, tmp_path: Path, packed: bytes | None
) -> None:
    assert not store.has("foo")
    assert store.load("foo") is None
    assert store.body("foo") is None
    saved = store.save("foo", FACTS, BODY, 1000.0, packed)
    assert saved == FACTS._replace(digest=DIGEST)
    assert store.has("foo")
    assert store.load("foo") == (saved, 1000.0)
    assert store.body("foo") == store.body("foo", DIGEST) == BODY
    assert store.body("foo", "another") is None
    store.confirm("foo", 2000.0)
    assert store.load("foo") == (saved, 2000.0)
    assert [path.name for path in (tmp_path / "pages").iterdir()] == ["foo.page"]


def test_pages_are_named_in_order_and_removed_with_what_was_made_of_them(store: PageStore) -> None:
    for name in ("foo", "bar"):
        store.save(name, FACTS, BODY, 1.0)
        store.rendering(name).write_bytes(b"rendered")
    assert list(store.names()) == ["bar", "foo"]
    assert store.remove("foo") is True
    assert not store.rendering("foo").exists()
    assert store.rendering("bar").exists()
    assert store.remove("foo") is False
    assert list(store.names()) == ["bar"]


def _head(**changes: object) -> bytes:
    return json.dumps({**FACTS._asdict(), "digest": DIGEST, **changes}).encode() + b"\n"


@pytest.mark.parametrize(
    ("data", "has_facts"),
    [
        (b"", False),
        (b"[]\n" + compress(BODY), False),
        (_head(more=1) + compress(BODY), False),
        (_head() + compress(BODY)[:-9], True),
        (_head() + b"no gzip", True),
        (_head(digest="0" * 64) + compress(BODY), True),
        (_head(digest="0" * 64) + compress(b"another"), True),
    ],
)
def test_a_damaged_page_has_no_body(store: PageStore, tmp_path: Path, data: bytes, *, has_facts: bool) -> None:
    (tmp_path / "pages" / "foo.page").write_bytes(data)
    assert store.has("foo")
    assert (store.load("foo") is not None) is has_facts
    if b'"more"' not in data:
        assert store.body("foo") is None


def test_the_digest_that_was_learned_first_is_kept_until_it_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    learned = LearnedFacts(tmp_path)
    assert (learned.revision("foo"), learned.digest(URL)) == (0, "")
    learned.note_digest("foo", URL, DIGEST)
    assert (learned.revision("foo"), learned.revision("bar")) == (1, 0)
    assert learned.digest(URL) == LearnedFacts(tmp_path).digest(URL) == DIGEST
    assert learned.digest(f"{URL}x") == ""
    learned.forget_digest(URL)
    learned.forget_digest(URL)
    assert learned.digest(URL) == ""


@pytest.mark.parametrize("text", ["", DIGEST[:-1], DIGEST + "0", DIGEST.upper(), "\xff" * 64])
def test_a_damaged_digest_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "tmp").mkdir()
    learned = LearnedFacts(tmp_path)
    learned.note_digest("foo", URL, DIGEST)
    (path,) = (tmp_path / "digests").iterdir()
    path.write_text(text, encoding="latin-1")
    assert learned.digest(URL) == ""


def test_a_learned_digest_is_on_the_disk_before_it_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    synced: list[int] = []
    fsync = os.fsync

    def noting(descriptor: int) -> None:
        synced.append(descriptor)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    LearnedFacts(tmp_path).note_digest("foo", URL, DIGEST)
    assert synced


def test_files_without_the_metadata_that_was_announced(tmp_path: Path) -> None:
    learned = LearnedFacts(tmp_path)
    assert learned.without_metadata("foo") == frozenset()
    for filename in ("a.whl", "b.whl"):
        learned.note_without_metadata("foo", filename)
    assert learned.without_metadata("foo") == {"a.whl", "b.whl"}
    assert learned.without_metadata("bar") == frozenset()
    assert (learned.revision("foo"), learned.revision("bar")) == (2, 0)


FILE = ListedFile("foo-1.0.zip", "1.0", URL, {"sha256": DIGEST}, 5, 1.5, None)
NEXT = Listing("foo", "active", {FILE.filename: FILE})
PAGE = RenderedPage(b"", 3, 5000.0, b"zipped", '"tag"')
EARLY = RenderedEarly(PAGE, 1, NEXT, "rules", 1000.0)


@pytest.fixture
def renderings(store: PageStore, tmp_path: Path) -> RenderingStore:
    return RenderingStore(tmp_path, store)


@pytest.mark.parametrize("until", [5000.0, math.inf])
@pytest.mark.parametrize("following", [NEXT, None])
def test_a_rendering_comes_back_as_it_was_made(
    renderings: RenderingStore, until: float, following: Listing | None
) -> None:
    page = PAGE._replace(until=until)
    renderings.save("foo", "basis", EARLY._replace(page=page, next=following))
    found = renderings.load("foo", "basis", 1000.0, 7)
    assert found is not None
    assert (found.page, found.next, found.basis) == (page, following, 7)


@pytest.mark.parametrize(
    ("name", "basis", "now"),
    [
        ("bar", "basis", 1000.0),
        ("foo", "another", 1000.0),
        ("foo", "basis", 999.9),
    ],
)
def test_a_rendering_of_something_else_does_not_count(
    renderings: RenderingStore, name: str, basis: str, now: float
) -> None:
    renderings.save("foo", "basis", EARLY)
    assert renderings.load(name, basis, now, 1) is None
    assert renderings.load("foo", "basis", 1000.0, 1) is not None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"zipped", b"Zipped"),
        (b"zipped", b"zippe"),
        (b"{", b"["),
        (b'"made"', b'"mode"'),
        (b'"made": 1000.0', b'"made": "x"'),
        (b'"active"', b'"active", 5'),
    ],
)
def test_a_damaged_rendering_does_not_count(
    renderings: RenderingStore, store: PageStore, before: bytes, after: bytes
) -> None:
    renderings.save("foo", "basis", EARLY)
    path = store.rendering("foo")
    data = path.read_bytes()
    assert before in data
    path.write_bytes(data.replace(before, after, 1))
    assert renderings.load("foo", "basis", 1000.0, 1) is None


@pytest.mark.parametrize(("longer", "stored"), [(0, True), (1, False)])
def test_a_rendering_whose_facts_are_long_is_not_stored(
    renderings: RenderingStore, store: PageStore, monkeypatch: pytest.MonkeyPatch, longer: int, *, stored: bool
) -> None:
    renderings.save("foo", "basis", EARLY)
    longest = len(store.rendering("foo").read_bytes().partition(b"\n")[0])
    store.rendering("foo").unlink()
    monkeypatch.setattr("publisher.server.upstream.pages.renderings._LONGEST_HEAD", longest + 1 - longer)
    renderings.save("foo", "basis", EARLY)
    assert store.rendering("foo").exists() is stored
    assert (renderings.load("foo", "basis", 1000.0, 1) is not None) is stored
