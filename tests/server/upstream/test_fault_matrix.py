"""Every fault of pages, metadata and files, at every age of what is known: the answers, and the disk afterwards."""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
import requests

from publisher.server.settings import Activity, UpstreamSettings
from publisher.server.upstream.pages.page_store import PageStore
from tests.helpers.http import JSON, Client
from tests.helpers.inside import serving_app
from tests.helpers.passing_on import QUICK, Clock, settings_for
from tests.helpers.upstream import FAULTS, FakeUpstream, PublicFile
from tests.helpers.waiting import eventually

KINDS = ("page", "metadata", "file", "large file")
LARGE = Random(7).randbytes(1_200_000)
"""More than is fetched whole, so it is passed on while it comes."""
PHASES = ("never seen", "fresh", "stale", "after restart")
TABLE = Path(__file__).parents[3] / "docs/reference/upstream-faults.md"
EITHER = "cut or 503, then 503, nothing"
"""A large file breaks off after its first bytes were passed on, or before."""

SECOND = 1.0
"""Seconds of silence that end a request; only the fault ``slow`` ever waits for them."""


CACHED = "200, stored"
"""The answer for everything that is in the cache, as the page says above its table."""


def documented() -> dict[tuple[str, str], list[str]]:
    """Return the answers in each phase by kind and fault; a row and a column of the table name several."""
    header, *rows = re.findall(r"^\| (.+) \|$", TABLE.read_text("utf-8"), re.MULTILINE)
    _, *columns = header.split(" | ")
    return {
        (kind, fault): [cell.removesuffix(" stored") if "nothing" in cell else cell, CACHED, CACHED, CACHED]
        for faults, *cells in (row.split(" | ") for row in rows)
        for column, cell in zip(columns, cells, strict=True)
        for kind in column.split(", ")
        for fault in faults.split(", ")
    }


@pytest.mark.parametrize("fault", FAULTS)
def test_the_answers_and_the_disk_are_as_documented(fake: FakeUpstream, tmp_path: Path, fault: str) -> None:
    files = {
        (kind, phase): fake.add(tmp_path, f"{kind}_{phase}".replace(" ", "_"), data=_data(kind, phase))
        for kind in KINDS
        for phase in PHASES
    }
    for name in fake.projects:
        fake.page_extra[name] = {"note": "long enough for a page that is stored as it was rendered, too. " * 20}
    limits = QUICK._replace(silence=SECOND) if fault == "slow" else QUICK
    settings = settings_for(fake, tmp_path, limits=limits)
    clock = Clock()
    observed: dict[str, dict[str, str]] = {kind: {} for kind in KINDS}
    with _index(tmp_path / "one", settings, clock, fake) as client:
        for kind in KINDS:
            for phase in PHASES[1:]:
                _visit(client, kind, files[kind, phase])
        for kind in KINDS:
            fake.faults = {kind.split()[-1]: fault}
            for phase in ("never seen", "fresh"):
                observed[kind][phase] = _observe(client, kind, files[kind, phase], settings.cache)
        clock.now += 3600
        for kind in KINDS:
            fake.faults = {kind.split()[-1]: fault}
            observed[kind]["stale"] = _observe(client, kind, files[kind, "stale"], settings.cache)
    with _index(tmp_path / "two", settings, clock, fake) as client:
        for kind in KINDS:
            fake.faults = {kind.split()[-1]: fault}
            observed[kind]["after restart"] = _observe(client, kind, files[kind, "after restart"], settings.cache)
    _check_disk(settings.cache, fake)
    if observed["large file"]["never seen"] in {"cut, then 503, nothing", "503, nothing"} and fault == "truncated":
        observed["large file"]["never seen"] = EITHER
    rows = {(kind, fault): [observed[kind][phase] for phase in PHASES] for kind in KINDS}
    assert {row: documented().get(row) for row in rows} == rows, "\n".join(
        f"| {kind} | {fault} | {' | '.join(cells)} |" for (kind, fault), cells in rows.items()
    )


def test_no_fault_stores_wrong_bytes_or_turns_a_failure_into_a_404() -> None:
    """Hold the table itself against the two rules that it must never break."""
    table = documented()
    assert len(table) == len(KINDS) * len(FAULTS)
    for (kind, fault), cells in table.items():
        assert all("404" not in cell for cell in cells) or fault == "404", (kind, fault)
        if fault in {"wrong digest", "wrong size", "truncated", "garbage", "sign-in page"}:
            assert cells[0].endswith("nothing") or (kind, fault) == ("page", "wrong digest"), (kind, fault)


def _check_disk(cache: Path, fake: FakeUpstream) -> None:
    """Expect nothing but upstream's own bytes: no wrong ones under another key, no broken page, no leftovers."""
    sent = {file.sha256: file for files in fake.projects.values() for file in files}
    described = {hashlib.sha256(file.metadata or b"").hexdigest() for file in sent.values()}
    for path in (cache / "files").rglob("*/*"):
        assert path.name == hashlib.sha256(path.read_bytes()).hexdigest()
        assert path.name in sent or path.name in described
    pages = PageStore(cache)
    for name in pages.names():
        assert json.loads(pages.body(name) or b"") == fake.page(name)
    assert list((cache / "tmp").iterdir()) == []
    assert not list(cache.glob("digests/*"))


@contextmanager
def _index(folder: Path, settings: UpstreamSettings, clock: Clock, fake: FakeUpstream) -> Iterator[Client]:
    folder.mkdir()
    with serving_app(folder, {"upstream": settings, "authenticate": frozenset({Activity.UPDATE})}) as (url, app):
        assert app.upstream is not None
        app.upstream.clock = clock
        yield Client(url, None)
        pages = app.upstream.pages
        assert eventually(lambda: not any(map(pages.is_refreshing, fake.projects)))


def _data(kind: str, phase: str) -> bytes:
    return (kind + phase).encode() * 1000 + (LARGE if kind == "large file" else b"")


def _visit(client: Client, kind: str, file: PublicFile) -> None:
    for each in ("page", "metadata", kind):
        assert client.get(_path(each, file), {"Accept": JSON}).status_code == 200


def _observe(client: Client, kind: str, file: PublicFile, cache: Path) -> str:
    """Return the answer, a second one where that differs, and what is on the disk."""
    answers = [_ask(client, kind, file) for _ in range(2)]
    answer = answers[0] if answers[0] == answers[1] else f"{answers[0]}, then {answers[1]}"
    stored = _stored(kind, file, cache) or (answer == "200" and eventually(lambda: _stored(kind, file, cache)))
    return f"{answer}, {'stored' if stored else 'nothing'}"


def _ask(client: Client, kind: str, file: PublicFile) -> str:
    try:
        answer: Any = client.get(_path(kind, file), {"Accept": JSON})
    except requests.RequestException:
        return "cut"
    if answer.status_code != 200:
        assert answer.status_code in {404, 502} or answer.headers["Retry-After"]
        return str(answer.status_code)
    if kind == "page":
        return "200" if answer.json()["files"] else "200 empty"
    return "200" if answer.content == (file.metadata if kind == "metadata" else file.data) else "200 wrong"


def _path(kind: str, file: PublicFile) -> str:
    if kind == "page":
        return f"simple/{file.filename.split('-')[0].replace('_', '-')}/"
    path = "-/public/" + file.path.removeprefix("/packages/")
    return path + ".metadata" if kind == "metadata" else path


def _stored(kind: str, file: PublicFile, cache: Path) -> bool:
    if kind == "page":
        return (cache / "pages" / f"{_path(kind, file).split('/')[1]}.page").exists()
    data = file.metadata if kind == "metadata" else file.data
    digest = hashlib.sha256(data or b"").hexdigest()
    found = cache / "files" / digest[:2] / digest
    assert not found.exists() or hashlib.sha256(found.read_bytes()).hexdigest() == digest
    return found.exists()
