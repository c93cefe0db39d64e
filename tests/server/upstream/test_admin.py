"""An admin's questions about public packages, and changes of the cache: answers, the disk, and what goes upstream."""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from publisher.limits import LIMITS
from publisher.server.upstream.admin import InvalidRequestError, UpstreamAdmin
from publisher.server.upstream.admin_requests import AdminRequests, UnknownRequestError
from publisher.server.upstream.errors import NotUpstreamError, UpstreamUnavailableError
from publisher.server.upstream.lock_files import PinnedPackage
from publisher.server.upstream.service import Upstream
from tests.helpers.passing_on import DAY, Owned, filenames, find, passing_on, read, settings_for
from tests.helpers.upstream import FakeUpstream
from tests.helpers.waiting import eventually_async

YOUNG = "2999-01-01T00:00:00Z"


def ask(
    fake: FakeUpstream,
    folder: Path,
    work: Callable[[Upstream, UpstreamAdmin], Awaitable[Any]],
    owned: Owned | None = None,
    **changes: Any,
) -> Any:
    """Run work with an index's public packages."""

    async def scenario() -> Any:
        async with passing_on(settings_for(fake, folder, **changes), owned=owned) as upstream:
            return await work(upstream, UpstreamAdmin(upstream))

    return asyncio.run(scenario())


def pinned(name: str, version: str = "1.0", *digests: str) -> PinnedPackage:
    return PinnedPackage(name, version, frozenset(digests))


def on_disk(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "cache").rglob("*") if path.is_file())


def test_why_names_the_reason_for_each_file(fake: FakeUpstream, tmp_path: Path) -> None:
    old = fake.add(tmp_path, "foo", "1.0")
    young = fake.add(tmp_path, "foo", "2.0", uploaded=YOUNG)
    fake.page_extra["foo"] = {"project-status": {"status": "deprecated"}}

    async def work(upstream: Upstream, admin: UpstreamAdmin) -> tuple[Any, Any, Any]:
        await read(upstream, old.path)
        await eventually_async(lambda: upstream.blobs.has(old.sha256))
        whole, one = await admin.why("Foo", ""), await admin.why("foo", "2")
        return whole, one, await admin.why("foo", "3.0")

    whole, one, none = ask(fake, tmp_path, work, cooldown=DAY)
    assert (whole["name"], whole["owned"], whole["status"]) == ("foo", False, "deprecated")
    assert whole["upstream"] == f"{fake.url}simple/"
    assert whole["reason"].startswith(f"Passed on from {fake.url}simple/, confirmed 2026-")
    found = {file["version"]: (file["filename"], file["passed-on"], file["cached"]) for file in whole["files"]}
    assert found == {"1.0": (old.filename, True, True), "2.0": (young.filename, False, False)}
    assert [file["version"] for file in one["files"]] == ["2.0"]
    assert "cooldown of 1 day" in one["files"][0]["reason"]
    assert none["files"] == []
    assert none["reason"].startswith(f"{fake.url}simple/ has no foo 3.0, as of 2026-")


def test_why_says_when_the_last_refresh_failed(fake: FakeUpstream, tmp_path: Path) -> None:
    fake.add(tmp_path, "foo")

    async def work(upstream: Upstream, admin: UpstreamAdmin) -> Any:
        await filenames(upstream, "foo")
        fake.faults["page"] = "503"
        await admin.refresh("foo")
        failed = await admin.why("foo", "")
        del fake.faults["page"]
        await admin.refresh("foo")
        return failed["reason"], (await admin.why("foo", ""))["reason"]

    failed, well = ask(fake, tmp_path, work)
    assert "The last refresh failed: Upstream answered 503 for foo." in failed
    assert "failed" not in well


def test_why_tells_owned_unknown_and_unreachable_names_apart(fake: FakeUpstream, tmp_path: Path) -> None:
    async def work(_: Upstream, admin: UpstreamAdmin) -> list[Any]:
        found = [await admin.why(name, "") for name in ("mine", "nobodys")]
        fake.faults["page"] = "500"
        return [*found, await admin.why("else", "")]

    mine, nobodys, unreachable = ask(fake, tmp_path, work, Owned(["mine"]))
    assert (mine["owned"], nobodys["owned"], unreachable["owned"]) == (True, False, False)
    assert "belongs to this index" in mine["reason"]
    assert "Neither this index nor upstream has a project nobodys." in nobodys["reason"]
    assert "answered 500" in unreachable["reason"]
    assert [found["files"] for found in (mine, nobodys, unreachable)] == [[], [], []]
    assert "/simple/mine/" not in fake.requests


def test_a_removed_project_leaves_nothing_and_is_fetched_anew(fake: FakeUpstream, tmp_path: Path) -> None:
    file, other = fake.add(tmp_path, "foo", extra={"hashes": {}}), fake.add(tmp_path, "bar")

    async def work(upstream: Upstream, admin: UpstreamAdmin) -> Any:
        for each in (file, other):
            await admin.warm(pinned(each.filename.partition("-")[0]), "set")
        await eventually_async(lambda: upstream.learned.digest(f"{fake.url.rstrip('/')}{file.path}") == file.sha256)
        kept = upstream.blobs.pinned()
        await eventually_async(lambda: all(upstream.blobs.has(key) for key in kept))
        removed = await admin.remove("Foo", "root")
        assert removed == {"name": "foo", "files": 2}
        assert len(upstream.blobs.pinned()) == len(kept) - 2
        assert "foo.page" not in on_disk(tmp_path)
        assert not upstream.learned.digest(f"{fake.url.rstrip('/')}{file.path}")
        assert await admin.remove("foo", "root") == {"name": "foo", "files": 0}
        asked = len(fake.requests)
        assert await read(upstream, file.path) == file.data
        assert fake.requests[asked:][0] == "/simple/foo/"
        assert file.path in fake.requests[asked:]
        asked = len(fake.requests)
        assert await read(upstream, other.path) == other.data
        assert len(fake.requests) == asked

    ask(fake, tmp_path, work)


def test_the_overview_has_what_is_cached_and_decided(fake: FakeUpstream, tmp_path: Path) -> None:
    file = fake.add(tmp_path, "foo")
    fake.add(tmp_path, "bar")

    async def work(upstream: Upstream, admin: UpstreamAdmin) -> Any:
        await read(upstream, file.path)
        await filenames(upstream, "bar")
        await upstream.pages.saved("bar")
        await eventually_async(lambda: upstream.blobs.has(file.sha256))
        (tmp_path / "cache" / "pages" / "broken.page").write_bytes(b"no page")
        await admin.allow("foo", "1.0", "2100-01-01", "a fix", "root")
        await admin.claim("bar", "ada")
        return await admin.overview()

    found = ask(fake, tmp_path, work, cooldown=DAY)
    assert found["upstreams"] == [{"url": f"{fake.url}simple/", "status": "ok"}]
    assert found["cooldown"] == DAY
    projects = {each["name"]: each for each in found["projects"]}
    assert list(projects) == ["bar", "foo"]
    assert projects["foo"]["bytes"] >= len(file.data)
    assert projects["foo"]["files"] >= 1
    assert found["size"] == sum(each["bytes"] for each in found["projects"])
    allowed = {"name": "foo", "version": "1.0", "until": "2100-01-01 23:59 UTC", "reason": "a fix", "by": "root"}
    assert found["allowed"] == [allowed]
    assert found["claimed"] == [{"name": "bar", "hides": f"{fake.url}simple/bar/", "by": "ada"}]


def test_warming_has_the_wanted_files_and_protects_them(fake: FakeUpstream, tmp_path: Path) -> None:
    files = [fake.add(tmp_path, "foo", f"{number}.0", data=os.urandom(50_000)) for number in range(8)]
    young = fake.add(tmp_path, "young", uploaded=YOUNG)

    async def work(upstream: Upstream, admin: UpstreamAdmin) -> None:
        done = await admin.warm(pinned("foo", "0", files[0].sha256), "set")
        assert done == {"name": "foo", "version": "0", "files": [files[0].filename], "failed": {}, "owned": False}
        assert await admin.warm(pinned("foo", "0.0"), "set") == {**done, "version": "0.0"}
        assert upstream.blobs.pinned() == {
            files[0].sha256,
            *upstream.files.keys((await find(upstream, files[0].path)).file),
        }
        (names,) = (tmp_path / "cache" / "pins").iterdir()
        assert len(names.read_text().split()) == 2  # not noted a second time
        for file in files[1:]:
            await read(upstream, file.path)
            await upstream.files._small._behind.stop()
        assert upstream.blobs.has(files[0].sha256)
        assert not upstream.blobs.has(files[1].sha256)
        too_young = await admin.warm(pinned("young"), "set")
        assert (too_young["files"], list(too_young["failed"])) == ([], [young.filename])
        wrong = await admin.warm(pinned("foo", "1.0", "0" * 64), "set")
        assert wrong["failed"] == {"foo==1.0": "Upstream lists none of its files."}
        assert (await admin.warm(pinned("mine"), "set"))["owned"] is True

    ask(fake, tmp_path, work, Owned(["mine"]), cooldown=DAY, cache_size=300_000)
    assert "/simple/mine/" not in fake.requests


def test_warming_asks_again_for_a_version_that_the_page_does_not_have_yet(fake: FakeUpstream, tmp_path: Path) -> None:
    fake.add(tmp_path, "foo", "1.0")

    async def work(upstream: Upstream, admin: UpstreamAdmin) -> Any:
        await filenames(upstream, "foo")
        new = fake.add(tmp_path, "foo", "2.0")
        fake.faults["file"] = "503"
        failed = await admin.warm(pinned("foo", "2.0"), "set")
        assert "answered 503" in failed["failed"][new.filename]
        assert failed["files"] == []
        with pytest.raises(NotUpstreamError):
            await admin.warm(pinned("nobodys"), "set")

    ask(fake, tmp_path, work)
    assert fake.count("page") == 3


def test_a_warm_cache_that_was_copied_serves_without_its_upstream(fake: FakeUpstream, tmp_path: Path) -> None:
    file = fake.add(tmp_path, "foo")
    ask(fake, tmp_path, lambda _, admin: admin.warm(pinned("foo", "1.0", file.sha256), "set"))
    (tmp_path / "away").mkdir()
    shutil.copytree(tmp_path / "cache", tmp_path / "away" / "cache", copy_function=shutil.copyfile)
    fake.faults = dict.fromkeys(("page", "file", "metadata"), "refused")

    async def work(upstream: Upstream, _: UpstreamAdmin) -> None:
        assert await filenames(upstream, "foo") == [file.filename]
        assert await read(upstream, file.path) == file.data
        assert await upstream.metadata(await find(upstream, file.path)) == file.metadata

    ask(fake, tmp_path / "away", work)


def test_claims_ask_for_private_names_but_not_reserved_ones(fake: FakeUpstream, tmp_path: Path) -> None:
    fake.add(tmp_path, "both")

    async def names() -> list[str]:
        return ["only-here", "acme-x", "acme", "both"]

    async def work(_: Upstream, admin: UpstreamAdmin) -> Any:
        requests = AdminRequests(admin, names, ("acme-*",))
        before = await requests.change("claims", {}, "root")
        await requests.change("claim", {"name": "Both"}, "root")
        return before, await requests.change("claims", {}, "root")

    before, after = ask(fake, tmp_path, work)
    hides = f"{fake.url}simple/both/"
    assert before == {"asked": 2, "claims": [{"name": "both", "hides": hides, "claimed": False}]}
    assert after["claims"] == [{"name": "both", "hides": hides, "claimed": True}]
    assert not [path for path in fake.requests if "acme" in path]


@pytest.mark.parametrize("fault", ["500", "404"])
def test_a_claim_is_made_only_when_upstream_answers(fake: FakeUpstream, tmp_path: Path, fault: str) -> None:
    fake.add(tmp_path, "foo")
    fake.faults["page"] = fault

    async def work(upstream: Upstream, admin: UpstreamAdmin) -> None:
        if fault == "404":
            assert await admin.claim("foo", "root") == {"name": "foo", "hides": ""}
            assert set(upstream.ledger.claims) == {"foo"}
        else:
            with pytest.raises(UpstreamUnavailableError, match="answered 500 for foo"):
                await admin.claim("foo", "root")
            assert upstream.ledger.claims == {}

    ask(fake, tmp_path, work)


def test_a_name_of_no_upstream_hides_nothing(fake: FakeUpstream, tmp_path: Path) -> None:
    async def work(upstream: Upstream, admin: UpstreamAdmin) -> Any:
        upstream.policy.source_of = lambda _: None  # type: ignore[assignment]
        return await admin.claim("foo", "root")

    assert ask(fake, tmp_path, work) == {"name": "foo", "hides": ""}
    assert fake.requests == []


@pytest.mark.parametrize(
    ("until", "ends"),
    [
        ("2026-12-31", "2026-12-31 23:59 UTC"),
        ("2026-12-31T10:00:00", "2026-12-31 10:00 UTC"),
        ("2026-12-31T10:00:00+02:00", "2026-12-31 08:00 UTC"),
    ],
)
def test_an_exception_ends_with_its_day_or_at_its_time(
    fake: FakeUpstream, tmp_path: Path, until: str, ends: str
) -> None:
    async def work(_: Upstream, admin: UpstreamAdmin) -> Any:
        done = await admin.allow("Foo_Bar", "1.0", until, "x" * LIMITS.upstream.admin_reason, "root")
        assert (done["name"], done["until"]) == ("foo-bar", ends)
        with pytest.raises(InvalidRequestError, match="one line of 1 to"):
            await admin.allow("foo", "", until, "x" * (LIMITS.upstream.admin_reason + 1), "root")
        removed = await admin.disallow("foo.bar", "", "root")
        assert removed == {"name": "foo-bar", "version": "", "removed": 1}

    ask(fake, tmp_path, work)


@pytest.mark.parametrize(
    ("path", "values", "error"),
    [
        ("nonsense", {}, UnknownRequestError),
        ("", {}, UnknownRequestError),
        ("allow", {"name": "foo", "reason": "why"}, InvalidRequestError),
        ("allow", {"name": "foo", "until": "2100-01-01"}, InvalidRequestError),
        ("claim", {"name": 5}, InvalidRequestError),
        ("claim", {"name": "x" * (LIMITS.upstream.admin_text + 1)}, InvalidRequestError),
        ("claim", {}, InvalidRequestError),
        ("refresh", {"name": "../x"}, InvalidRequestError),
        ("remove", {"name": ""}, InvalidRequestError),
        ("warm", {"name": "foo"}, InvalidRequestError),
        ("warm", {"name": "foo", "version": "1", "digests": "abc"}, InvalidRequestError),
        ("warm", {"name": "foo", "version": "1", "digests": [1]}, InvalidRequestError),
        ("warm", {"name": "foo", "version": "1", "set": 1}, InvalidRequestError),
    ],
    ids=str,
)
def test_requests_that_are_not_understood_change_nothing(
    fake: FakeUpstream, tmp_path: Path, path: str, values: dict[str, Any], error: type[Exception]
) -> None:
    async def none() -> list[str]:
        return []

    async def work(_: Upstream, admin: UpstreamAdmin) -> None:
        with pytest.raises(error):
            await AdminRequests(admin, none, ()).change(path, values, "root")

    ask(fake, tmp_path, work)
    assert fake.requests == []
    assert on_disk(tmp_path) == []


def test_questions_by_path(fake: FakeUpstream, tmp_path: Path) -> None:
    fake.add(tmp_path, "foo", "1.0")
    fake.add(tmp_path, "foo", "2.0")

    async def none() -> list[str]:
        return []

    async def work(_: Upstream, admin: UpstreamAdmin) -> None:
        requests = AdminRequests(admin, none, ())
        assert len((await requests.show("why/foo"))["files"]) == 2
        assert len((await requests.show("why/foo/2.0"))["files"]) == 1
        assert {"upstreams", "projects"} <= set(await requests.show("projects"))
        for path in ("why", "why/", "other", "", "projects-x"):
            with pytest.raises(UnknownRequestError):
                await requests.show(path)

    ask(fake, tmp_path, work)


def test_a_refresh_names_the_files_and_the_time(fake: FakeUpstream, tmp_path: Path) -> None:
    fake.add(tmp_path, "foo")

    async def work(_: Upstream, admin: UpstreamAdmin) -> Any:
        first = await admin.refresh("Foo")
        fake.add(tmp_path, "foo", "2.0")
        return first, await admin.refresh("foo")

    first, second = ask(fake, tmp_path, work)
    assert (first["name"], first["files"], second["files"]) == ("foo", 1, 2)
    assert first["confirmed"].endswith(" UTC")
    assert [path for path in fake.requests if not path.endswith(".metadata")] == ["/simple/foo/"] * 2
