"""The public packages of an index on this machine: requests without a server, and what the audit trail has of them."""

import getpass
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from publisher.cli.options.public_packages import PublicPackagesArgs
from publisher.cli.run.admin.upstream_here import opened
from publisher.errors import ConfigurationError, IndexUnavailableError
from tests.helpers.upstream import FakeUpstream, fake_upstream
from tests.helpers.waiting import eventually


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeUpstream]:
    with fake_upstream() as running:
        yield running


@pytest.fixture
def place(fake: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PublicPackagesArgs:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYPI_INDEX_UPSTREAM_USERNAME", "reader")
    monkeypatch.setenv("PYPI_INDEX_UPSTREAM_PASSWORD", "correct horse")  # else keyring is asked
    (tmp_path / "packages").mkdir()
    (tmp_path / "accounts").mkdir()
    return PublicPackagesArgs(
        root=tmp_path / "packages",
        htpasswd=tmp_path / "accounts/htpasswd",
        upstream=f"{fake.url}simple/",
        upstream_cache=tmp_path / "cache",
        cooldown="3d",
    )


def _alone(place: PublicPackagesArgs) -> PublicPackagesArgs:
    return place._replace(root=None)


def _events(folder: Path) -> list[dict[str, Any]]:
    lines = [line for path in sorted((folder / "audit").rglob("*")) for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def test_changes_of_an_index_are_in_its_audit_trail_and_questions_are_not(
    place: PublicPackagesArgs, fake: FakeUpstream, tmp_path: Path
) -> None:
    fake.add(tmp_path, "fresh")
    until = {"until": "2100-01-01", "reason": "CVE-1"}
    with opened(place) as here:
        assert here.show("projects")["allowed"] == []
        assert here.show("projects")["cooldown"] == 3 * 86_400
        done = here.change("allow", {"name": "Fresh", "version": "1.0", **until})
        assert (done["name"], done["version"]) == ("fresh", "1.0")
        assert [each["name"] for each in here.show("projects")["allowed"]] == ["fresh"]
        here.change("refresh", {"name": "fresh"})
        assert [each["passed-on"] for each in here.show("why/fresh/1.0")["files"]] == [True]
    (event,) = _events(tmp_path / "accounts")
    assert (event["what"], event["project"], event["version"], event["reason"]) == (
        "upstream-allow",
        "fresh",
        "1.0",
        "CVE-1",
    )
    assert (event["user"], event["kind"]) == (getpass.getuser(), "local")


def test_a_cache_alone_has_no_names_and_no_audit_trail(
    place: PublicPackagesArgs, fake: FakeUpstream, tmp_path: Path
) -> None:
    fake.add(tmp_path, "alone")
    with opened(_alone(place)) as here:
        assert here.change("refresh", {"name": "alone"})["files"] == 1
        # the page is written in the background
        assert eventually(lambda: [each["name"] for each in here.show("projects")["projects"]] == ["alone"])
        assert here.change("claims", {})["asked"] == 0
        assert here.change("remove", {"name": "alone"})["name"] == "alone"
        assert here.show("projects")["projects"] == []
    assert not [*(tmp_path / "accounts").iterdir(), *(tmp_path / "packages").iterdir()]


@pytest.mark.parametrize("alone", [False, True])
def test_reserved_names_and_the_client_are_never_public(
    place: PublicPackagesArgs, fake: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, alone: bool
) -> None:
    monkeypatch.setenv("PYPI_INDEX_RESERVE", "acme-* other")
    for name in ("acme-a", "other", "pypi-publish", "open"):
        fake.add(tmp_path, name)
    with opened(_alone(place) if alone else place) as here:
        found = {
            name: len(here.show(f"why/{name}")["files"]) for name in ("acme-a", "other", "pypi-publish", "open", "acme")
        }
    assert found == {"acme-a": 0, "other": 0, "pypi-publish": 0, "open": 1, "acme": 0}


@pytest.mark.parametrize("alone", [False, True])
def test_values_that_are_wrong_are_the_commands_and_a_failing_upstream_is_not(
    place: PublicPackagesArgs, fake: FakeUpstream, tmp_path: Path, *, alone: bool
) -> None:
    fake.add(tmp_path, "broken")
    with opened(_alone(place) if alone else place) as here:
        with pytest.raises(ConfigurationError):
            here.change("allow", {"name": "a", "version": "1.0", "until": "soon", "reason": "r"})
        with pytest.raises(ConfigurationError, match="'reason'"):
            here.change("allow", {"name": "a", "version": "1.0", "until": "2100-01-01"})
        fake.faults["page"] = "500"
        try:
            with pytest.raises(IndexUnavailableError):
                here.change("refresh", {"name": "broken"})
        finally:
            fake.faults.clear()
    assert _events(tmp_path / "accounts") == []


def test_without_an_upstream_there_is_nothing_to_open(place: PublicPackagesArgs) -> None:
    with pytest.raises(ConfigurationError) as caught, opened(place._replace(upstream="", cooldown="")):
        pass
    assert caught.value.message == "No upstream is set."
    assert "--upstream public" in str(caught.value.hint)


def test_a_cache_among_the_packages_is_refused(place: PublicPackagesArgs, tmp_path: Path) -> None:
    inside = place._replace(upstream_cache=tmp_path / "packages/cache")
    with pytest.raises(ConfigurationError, match="must be apart"), opened(inside):
        pass
    with opened(inside._replace(root=None)) as here:
        assert here.show("projects")["projects"] == []
