"""Public packages as clients get them over HTTP: tags, health, refusals, and an unknown ownership."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from publisher.server.app import IndexApp
from publisher.server.settings import Activity
from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.upstream.errors import UpstreamUnavailableError
from publisher.server.upstream.files import flights
from publisher.server.upstream.files.flights import Flights
from publisher.server.upstream.files.wanted import Wanted
from tests.helpers.clock import set_monotonic
from tests.helpers.http import HTML, JSON, Client
from tests.helpers.inside import serving_app
from tests.helpers.passing_on import DAY, Clock, passing_on, settings_for
from tests.helpers.upstream import FakeUpstream, PublicFile

SOON = 2 * DAY


@contextmanager
def public(
    fake: FakeUpstream, folder: Path, clock: Clock | None = None, **changes: Any
) -> Iterator[tuple[Client, IndexApp]]:
    """Serve an index in this process, open to everybody."""
    settings = settings_for(fake, folder, **changes)
    with serving_app(folder, {"upstream": settings, "authenticate": frozenset({Activity.UPDATE})}) as (url, app):
        assert app.upstream is not None
        app.upstream.clock = clock or Clock()
        yield Client(url, None), app


def path_of(file: PublicFile) -> str:
    return f"-/public/{file.path.removeprefix('/packages/')}"


def test_every_form_of_a_page_has_a_tag_of_its_own(fake: FakeUpstream, tmp_path: Path) -> None:
    for number in range(8):  # long enough to be zipped
        fake.add(tmp_path, "foo", f"{number}.0")
    forms = [{"Accept": kind, "Accept-Encoding": coding} for kind in (JSON, HTML) for coding in ("gzip", "identity")]
    with public(fake, tmp_path) as (client, _):
        for _ in range(2):  # made, and from memory
            answers = [client.get("simple/foo/", form) for form in forms]
            assert {answer.status_code for answer in answers} == {200}
            tags = [answer.headers["ETag"] for answer in answers]
            assert len(set(tags)) == len(tags)
            for answer in answers:
                assert answer.headers["Vary"] == "Accept, Accept-Encoding"
        for form, tag in zip(forms, tags, strict=True):
            for other in forms:
                expected = 304 if other["Accept"] == form["Accept"] else 200
                assert client.get("simple/foo/", {**other, "If-None-Match": tag}).status_code == expected
    assert fake.count("page") == 1


def test_the_tag_of_a_page_changes_when_a_file_ripens(fake: FakeUpstream, tmp_path: Path) -> None:
    clock = Clock()
    fake.add(tmp_path, "foo", "1.0")
    fake.add(tmp_path, "foo", "2.0", uploaded=datetime.fromtimestamp(clock.now - DAY, UTC).isoformat())
    with public(fake, tmp_path, clock, cooldown=SOON) as (client, _):
        tag = client.get("simple/foo/", {"Accept": JSON}).headers["ETag"]
        assert client.get("simple/foo/", {"Accept": JSON, "If-None-Match": tag}).status_code == 304
        clock.now += DAY + 1
        answer = client.get("simple/foo/", {"Accept": JSON, "If-None-Match": tag})
        assert (answer.status_code, len(answer.json()["files"])) == (200, 2)
        assert answer.headers["ETag"] != tag


def test_a_young_file_is_refused_with_its_date_in_the_reason(fake: FakeUpstream, tmp_path: Path) -> None:
    clock = Clock()
    file = fake.add(tmp_path, "foo", uploaded=datetime.fromtimestamp(clock.now, UTC).isoformat())
    ripe = datetime.fromtimestamp(clock.now + SOON, UTC).strftime("%Y-%m-%d %H:%M UTC")
    with public(fake, tmp_path, clock, cooldown=SOON) as (client, _):
        for path in (path_of(file), f"{path_of(file)}.metadata"):
            for method in ("GET", "HEAD"):
                refused = client.request(method, path)
                assert refused.status_code == 403
                assert ripe in refused.reason
        assert fake.count("file") == fake.count("metadata") == 0
        clock.now += SOON
        assert client.get(path_of(file)).content == file.data
        assert client.get(f"{path_of(file)}.metadata").content == file.metadata


def test_health_reports_an_upstream_that_fails_and_does_not_fail_for_it(fake: FakeUpstream, tmp_path: Path) -> None:
    fake.add(tmp_path, "foo")
    with public(fake, tmp_path) as (client, _):
        owner = Client(client.url, ("ada", "correct horse"))
        assert client.get("health").json()["upstream"] == [{"status": "ok"}]
        fake.faults["page"] = "503"
        assert client.get("simple/foo/").status_code == 503
        found = client.get("health")
        assert (found.status_code, found.json()["status"]) == (200, "ok")
        assert found.json()["upstream"] == [{"status": "failing"}]
        (state,) = owner.get("health").json()["upstream"]
        assert state == {"url": f"{fake.url}simple/", "status": "failing", "reason": "Upstream answered 503 for foo."}
        del fake.faults["page"]
        fake.add(tmp_path, "bar")
        assert client.get("simple/bar/").status_code == 200
        assert client.get("health").json()["upstream"] == [{"status": "ok"}]


def test_nothing_public_is_answered_while_it_is_unknown_whose_a_name_is(
    fake: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = fake.add(tmp_path, "foo")
    paths = ("simple/foo/", path_of(file), f"{path_of(file)}.metadata")
    with public(fake, tmp_path) as (client, app):
        for path in paths:  # now they are in memory and in the cache
            assert client.get(path).status_code == 200
            assert client.get(path).status_code == 200
        upstream = app.upstream
        assert upstream is not None
        asked = len(fake.requests)

        async def unknown(_: str) -> bool:
            raise StorageUnavailableError

        monkeypatch.setattr(upstream.ownership, "is_owned", unknown)
        monkeypatch.setattr(upstream.ownership, "is_surely_public", lambda _: False)
        for path in paths:
            for method in ("GET", "HEAD"):
                answer = client.request(method, path)
                assert (answer.status_code, bool(answer.headers["Retry-After"])) == (503, True), path
        assert len(fake.requests) == asked


def test_a_failure_is_remembered_for_a_minute_and_no_longer(
    fake: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    settings = settings_for(fake, tmp_path)

    async def scenario() -> None:
        async with passing_on(settings) as upstream:
            found = Flights(upstream.context)
            wanted = Wanted(settings.sources[0], fake.url, "a-1.0.tar.gz", "a", {}, None, 1000)
            with monkeypatch.context() as patched:
                set_monotonic(patched, lambda: now[0], flights)
                found.ended(wanted, UpstreamUnavailableError("refused"))
                now[0] += 59.9
                with pytest.raises(UpstreamUnavailableError, match="refused"):
                    found.raise_remembered("a")
                now[0] += 0.2
                found.raise_remembered("a")
                assert not found.has_failed("a")

    asyncio.run(scenario())
