"""Trusted publishers: what describes one, what it is called, and what its tokens are held to."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from publisher.server.auth.oidc.errors import ClaimMismatchError, InvalidPublisherError, UnknownPublisherError
from publisher.server.auth.oidc.publishers import PublisherState, create_publisher, publisher_from_json
from publisher.server.auth.oidc.registry import PublisherRegistry
from publisher.server.auth.revocations import Revocations
from publisher.server.storage.folder import FolderStorage
from tests.helpers.issuer import github_claims

GITHUB: dict[str, Any] = {
    "kind": "github",
    "settings": {"repository": "acme/widgets", "workflow": "publish.yml"},
    "projects": ["acme-widgets"],
}
GITLAB: dict[str, Any] = {
    "kind": "gitlab",
    "settings": {"repository": "acme/team/widgets"},
    "projects": ["acme-widgets"],
}
OIDC: dict[str, Any] = {
    "kind": "oidc",
    "issuer": "https://ci.acme.example",
    "settings": {"claims": {"sub": "pipeline:*", "env": "prod"}},
    "projects": ["acme-widgets"],
}


def test_a_publisher_has_the_defaults_of_its_kind() -> None:
    github, gitlab = create_publisher(GITHUB, "ada"), create_publisher(GITLAB, None)
    assert (github.issuer, gitlab.issuer) == ("https://token.actions.githubusercontent.com", "https://gitlab.com")
    assert (github.settings["ref"], github.settings["environment"]) == ("refs/tags/*", "")
    assert github.settings["called_workflows"] == []
    assert (gitlab.settings["workflow"], gitlab.settings["ref"]) == (".gitlab-ci.yml", "refs/tags/*")
    assert (github.state, github.voucher, gitlab.voucher) == (PublisherState.ACTIVE, "ada", None)


def test_titles_name_the_repository_or_the_rules() -> None:
    assert create_publisher(GITHUB, None).title == "acme/widgets (publish.yml)"
    assert create_publisher(GITLAB, None).title == "acme/team/widgets (.gitlab-ci.yml)"
    assert create_publisher(OIDC, None).title == "https://ci.acme.example sub=pipeline:*, env=prod"


@pytest.mark.parametrize("values", [GITHUB, GITLAB, OIDC])
def test_a_publisher_is_read_as_it_was_written(values: dict[str, Any]) -> None:
    made = create_publisher(values, "ada", "grace")
    assert publisher_from_json(made.as_json()) == made
    assert (made.registered_by, abs(made.registered - time.time()) < 60) == ("grace", True)
    old = {name: value for name, value in made.as_json().items() if not name.startswith("registered")}
    read = publisher_from_json(old)
    assert (read.registered_by, read.registered) == ("", 0.0)


def test_the_name_follows_from_everything_that_tells_publishers_apart() -> None:
    described: list[tuple[dict[str, Any], str | None]] = [
        (GITHUB, "ada"),
        (GITHUB, "bob"),
        (GITHUB, None),
        ({**GITHUB, "issuer": "https://ghes.acme.example"}, "ada"),
        ({**GITHUB, "settings": {**GITHUB["settings"], "environment": "release"}}, "ada"),
        ({**GITHUB, "creates": True}, "ada"),
        ({**GITHUB, "creates": True, "projects": ["other"]}, "ada"),
        (GITLAB, "ada"),
    ]
    names = [create_publisher(values, voucher).name for values, voucher in described]
    assert len(set(names)) == len(names)
    same = {**GITHUB, "projects": ["other"], "pins": {"repository_id": "7"}}
    assert create_publisher(same, "ada").name == names[0]
    assert names[0].startswith("github-")
    assert create_publisher(GITHUB, "ada").serial != create_publisher(GITHUB, "ada").serial


def test_projects_are_normalized_sorted_and_named_once() -> None:
    made = create_publisher({**GITHUB, "projects": ["Web.Shop", "acme_widgets", "acme-widgets"]}, None)
    assert made.projects == ("acme-widgets", "web-shop")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({**GITHUB, "kind": None}, "one of github, gitlab, oidc"),
        ({**GITHUB, "projects": None}, "1 to 50 projects"),
        ({**GITHUB, "projects": ["a"] * 51}, "1 to 50 projects"),
        ({**GITHUB, "projects": ["a b"]}, "'a b' is not a project name"),
        ({**GITHUB, "projects": [3]}, "3 is not a project name"),
        ({**GITHUB, "projects": ["a", "b"], "creates": True}, "names exactly one"),
        ({**GITHUB, "settings": None}, "lacks repository"),
        ({**GITHUB, "settings": {**GITHUB["settings"], "branch": "x"}}, "Unknown setting 'branch'"),
        ({**GITHUB, "settings": {**GITHUB["settings"], "workflow": "x.txt"}}, "workflow"),
        ({**GITHUB, "settings": {**GITHUB["settings"], "environment": "a\nb"}}, "environment"),
        ({**GITHUB, "settings": {**GITHUB["settings"], "environment": "x" * 501}}, "environment"),
        ({**GITHUB, "settings": {**GITHUB["settings"], "called_workflows": "x"}}, "not a list"),
        ({**GITHUB, "settings": {**GITHUB["settings"], "called_workflows": ["x"] * 21}}, "not a list"),
        ({**GITHUB, "settings": {**GITHUB["settings"], "called_workflows": ["acme/ci/x.yml"]}}, "called_workflow"),
        ({**GITHUB, "pins": {"repository_id": 7}}, "not a number"),
        ({**GITHUB, "pins": {"repository_id": "1" * 21}}, "not a number"),
        ({**GITHUB, "pins": {"project_id": "7"}}, "not a number that this kind of publisher has"),
        ({**GITLAB, "settings": {"repository": "widgets"}}, "repository"),
        ({**OIDC, "pins": {"repository_id": "7"}}, "not a number that this kind of publisher has"),
        ({**OIDC, "issuer": "https://token.actions.githubusercontent.com"}, "a kind of its own"),
        ({**OIDC, "settings": {"claims": {}}}, "at least one claim"),
        ({**OIDC, "settings": {"claims": {f"c{number}": "x" for number in range(21)}}}, "at least one claim"),
        ({**OIDC, "settings": {"claims": {"sub": "**"}}}, "matches every value"),
        ({**OIDC, "settings": {"claims": {"sub": ""}}}, "sub"),
        ({**OIDC, "settings": {"claims": {"a b": "x"}}}, "claim"),
        ({**OIDC, "settings": {"claims": {"jti": "x"}}}, "always checked"),
    ],
)
def test_descriptions_that_are_refused(values: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidPublisherError) as raised:
        create_publisher(values, None)
    assert says in str(raised.value)


@pytest.mark.parametrize("count", [1, 50])
def test_the_bounds_of_projects_can_be_reached(count: int) -> None:
    assert len(create_publisher({**GITHUB, "projects": [f"p{n}" for n in range(count)]}, None).projects) == count


def test_numbers_are_pinned_once_and_held_to() -> None:
    publisher = create_publisher(GITHUB, None)
    claims = github_claims(iss=publisher.issuer)
    publisher.check(claims)
    pinned = publisher.pinned_by(claims)
    assert pinned.pins == {"repository_id": "1001", "repository_owner_id": "42"}
    assert pinned.pinned_by(github_claims(repository_id="7")).pins == pinned.pins
    assert publisher.pinned_by(github_claims(repository_id=1001)).pins == pinned.pins, "a number as well as its text"
    with pytest.raises(ClaimMismatchError, match="repository_id is 7, not 1001"):
        pinned.check(github_claims(iss=publisher.issuer, repository_id="7"))
    with pytest.raises(ClaimMismatchError, match="another issuer"):
        publisher.check(github_claims(iss="https://ghes.acme.example"))
    with pytest.raises(ClaimMismatchError, match="no claim iss"):
        publisher.check(github_claims())


@pytest.mark.parametrize("spelling", ["acme/team/widgets", "Acme/Team/Widgets"])
def test_gitlab_may_spell_a_project_in_upper_case(spelling: str) -> None:
    publisher = create_publisher(GITLAB, None)
    claims = {"iss": publisher.issuer, "project_path": spelling, "ref_path": "refs/tags/v1.0", "sha": "abc"}
    file = f"gitlab.com/{spelling}//.gitlab-ci.yml"
    publisher.check({**claims, "ci_config_ref_uri": f"{file}@refs/tags/v1.0"})
    publisher.check({**claims, "ci_config_ref_uri": f"{file}@abc"})
    for uri in (f"{file.upper()}@abc", f"{file}@refs/tags/v2.0", f"gitlab.com/{spelling}s//.gitlab-ci.yml@abc"):
        with pytest.raises(ClaimMismatchError):
            publisher.check({**claims, "ci_config_ref_uri": uri})


def test_a_run_has_a_url_where_the_server_is_known() -> None:
    publisher = create_publisher(GITHUB, None)
    origin = publisher.origin(github_claims(iss=publisher.issuer))
    assert origin.run == "https://github.com/acme/widgets/actions/runs/777"
    enterprise = github_claims(iss="https://ghes.acme.example/_services/token", server_url="https://ghes.acme.example")
    assert publisher.origin(enterprise).run == "https://ghes.acme.example/acme/widgets/actions/runs/777"
    assert publisher.origin(github_claims(iss="https://ghes.acme.example")).run == "777"
    gitlab = {"iss": "https://gitlab.com", "project_path": "acme/widgets", "pipeline_id": 555, "sha": "abc"}
    found = create_publisher(GITLAB, None).origin(gitlab)
    assert (found.run, found.commit) == ("https://gitlab.com/acme/widgets/-/pipelines/555", "abc")
    assert create_publisher(GITLAB, None).origin({**gitlab, "pipeline_id": ""}).run == ""
    other = create_publisher(OIDC, None)
    assert other.origin({"iss": other.issuer, "sub": "robot:7"}).repository == "robot:7"
    assert other.origin({"iss": other.issuer, "sub": "x", "repository": "acme/w"}).repository == "acme/w"


# the registry


def test_the_same_publisher_gains_projects_and_numbers_and_keeps_its_registration(tmp_path: Path) -> None:
    registry = PublisherRegistry(FolderStorage(tmp_path))

    async def work() -> None:
        first = await registry.add(create_publisher(GITHUB, "ada", "ada"))
        more = {**GITHUB, "projects": ["web"], "pins": {"repository_id": "7"}}
        merged = await registry.add(create_publisher(more, "ada", "grace"))
        assert (merged.projects, merged.pins) == (("acme-widgets", "web"), {"repository_id": "7"})
        assert (merged.serial, merged.registered_by) == (first.serial, "ada")
        with pytest.raises(InvalidPublisherError, match="registered with other numbers"):
            await registry.add(create_publisher({**GITHUB, "pins": {"repository_id": "8"}}, "ada"))
        assert await registry.all() == [merged]

    asyncio.run(work())


def test_publishers_end_by_name_or_with_their_voucher(tmp_path: Path) -> None:
    registry = PublisherRegistry(FolderStorage(tmp_path))

    async def work() -> None:
        mine, bobs, tokens = [await registry.add(create_publisher(GITHUB, who)) for who in ("ada", "bob", None)]
        assert await registry.remove_of("kim") == []
        assert await registry.remove_of("ada") == [mine]
        assert await registry.remove(tokens.name) == tokens
        with pytest.raises(UnknownPublisherError):
            await registry.remove(tokens.name)
        assert await registry.all() == [bobs]

    asyncio.run(work())


def test_a_publisher_that_changed_meanwhile_is_not_used(tmp_path: Path) -> None:
    registry = PublisherRegistry(FolderStorage(tmp_path))

    async def work() -> None:
        publisher = await registry.add(create_publisher(GITHUB, "ada"))
        claims = github_claims(iss=publisher.issuer)
        used = await registry.use(publisher.name, claims, PublisherState.CREATING)
        assert (used.state, used.pins["repository_id"]) == (PublisherState.CREATING, "1001")
        with pytest.raises(ClaimMismatchError, match="only has the same name"):
            await registry.use(publisher.name, {**claims, "repository_id": "7"}, PublisherState.ACTIVE)
        assert await registry.all() == [used]
        await registry.remove(publisher.name)
        with pytest.raises(ClaimMismatchError, match="has been removed"):
            await registry.use(publisher.name, claims, PublisherState.ACTIVE)

    asyncio.run(work())


def test_an_index_has_a_bounded_number_of_publishers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("publisher.server.auth.oidc.registry._MOST", 1)
    registry = PublisherRegistry(FolderStorage(tmp_path))

    async def work() -> None:
        await registry.add(create_publisher(GITHUB, "ada"))
        await registry.add(create_publisher({**GITHUB, "projects": ["web"]}, "ada"))
        with pytest.raises(InvalidPublisherError, match="has 1 publishers already"):
            await registry.add(create_publisher(GITLAB, "ada"))

    asyncio.run(work())


# revocations


def test_revoked_tokens_stay_listed_until_they_would_end_by_themselves(tmp_path: Path) -> None:
    listed = Revocations(FolderStorage(tmp_path))

    async def work() -> None:
        assert listed.is_revoked_now("one") is None, "the list was never read"
        await listed.revoke("one", time.time() + 60)
        await listed.revoke("ended", time.time() - 1)
        assert await listed.is_revoked("one")
        assert listed.is_revoked_now("one") is True
        assert listed.is_revoked_now("two") is False
        assert await listed.is_revoked("ended"), "it is left out by the next change"
        await listed.revoke("two", time.time() + 60)
        assert [await listed.is_revoked(each) for each in ("one", "two", "ended")] == [True, True, False]

    asyncio.run(work())
