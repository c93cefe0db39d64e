"""A token for some projects on an index that passes public packages on: every kind of name, on every way to ask."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.helpers.dists import make_wheel
from tests.helpers.http import JSON, Client
from tests.helpers.index import RunningIndex
from tests.helpers.issuer import github_claims, running_issuer
from tests.helpers.trust import create_token, with_token, write_access
from tests.helpers.trusted import free_port, trust
from tests.helpers.upstream import FakeUpstream
from tests.helpers.waiting import eventually

USER, PASSWORD = "ada", "correct horse"
PRIVATE = ("acme-own", "secret", "deleted")
TAKEN = ("acme-own", "secret", "deleted", "pypi-publish", "corp-plan")
"""Names that strangers have published, too."""


@dataclass
class World:
    """An index with an upstream, and clients with narrow rights."""

    index: RunningIndex
    fake: FakeUpstream
    clients: dict[str, Client]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    from tests.helpers.upstream import fake_upstream  # noqa: PLC0415 - the module's own fixture has a shorter life

    folder = tmp_path_factory.mktemp("narrow")
    with fake_upstream() as fake, running_issuer() as issuer:
        for name in (*TAKEN, "requests"):
            fake.add(folder, name.replace("-", "_"), "99.0")
        port = free_port()
        url = f"http://127.0.0.1:{port}/"
        place = ("--upstream", f"{fake.url}simple/", "--upstream-cache", str(folder / "cache"))
        more = ("--reserve", "corp-*", "--port", str(port), "--public-url", url)
        index = RunningIndex.start(folder / "index", *place, *more)
        for name in (USER, "narrow"):
            index.add_user(name, PASSWORD)
        ada = Client(index.url, (USER, PASSWORD))
        for name in PRIVATE:
            assert ada.upload(make_wheel(folder, name.replace("-", "_"))).status_code == 200
        assert ada.request("DELETE", "projects/deleted/1.0").status_code == 200
        trust(index, issuer, "--project", "acme-own")
        token = issuer.token(github_claims(), f"127.0.0.1:{port}")
        minted = Client(index.url, None).request("POST", "_/oidc/mint-token", json={"token": token}).json()["token"]
        write_access(index, f'[users.{USER}]\n"*" = "maintainer"\n[users.narrow]\n"acme-*" = "reader"\n')
        clients = {
            "token": with_token(index.url, create_token(ada, "narrow", ["read"], ["acme-*"])),
            "minted": with_token(index.url, minted),
            "account": Client(index.url, ("narrow", PASSWORD)),
            "anonymous": Client(index.url, None),
        }
        assert eventually(lambda: clients["account"].get("simple/secret/").status_code == 403)
        yield World(index, fake, clients)
        index.kill()


NARROW = ("token", "minted", "account")
WAYS = ("simple/{}/", "+simple/{}/", "pypi/{}/json", "projects/{}/", "-/owners/{}")
PAGES = {
    "acme-own": 200,  # its own
    "secret": 403,  # another project of this index
    "Secret": 403,
    "deleted": 403,  # a name that this index owns for ever
    "corp-plan": 403,  # reserved, and not published yet
    "pypi-publish": 403,  # the index's own client
    "requests": 200,  # public
    "no-such-name": 404,  # nobody's
}


@pytest.mark.parametrize("who", NARROW)
@pytest.mark.parametrize("name", PAGES)
def test_every_kind_of_name(world: World, who: str, name: str) -> None:
    answer = world.clients[who].get(f"simple/{name}/", {"Accept": JSON})
    assert answer.status_code == PAGES[name], answer.text
    if name in {"secret", "Secret", "deleted", "corp-plan", "pypi-publish"}:
        assert f"lacks the right 'read' on {name.lower()}" in answer.text
    if name == "requests":
        assert "99.0" in answer.text


@pytest.mark.parametrize("who", NARROW)
@pytest.mark.parametrize("way", WAYS)
def test_no_way_of_asking_gives_a_strangers_file_for_a_name_of_this_index(world: World, who: str, way: str) -> None:
    for name in (*TAKEN, "SECRET", "Corp.Plan"):
        answer = world.clients[who].get(way.format(name), {"Accept": JSON})
        assert "99.0" not in answer.text
        if name.lower().replace(".", "-") in {"secret", "deleted", "corp-plan", "pypi-publish"}:
            assert answer.status_code == 403, (way, name)


@pytest.mark.parametrize("who", NARROW)
def test_files(world: World, who: str) -> None:
    client = world.clients[who]
    assert client.get("packages/acme_own-1.0-py3-none-any.whl").status_code == 200
    assert client.get("packages/secret-1.0-py3-none-any.whl").status_code == 403
    assert client.get("packages/secret-1.0-py3-none-any.whl.metadata").status_code == 403
    assert client.get("packages/corp_plan-1.0-py3-none-any.whl").status_code == 403
    for name, files in world.fake.projects.items():
        for path in (file.path.removeprefix("/packages/") for file in files):
            for tail in ("", ".metadata"):
                answer = client.get(f"-/public/{path}{tail}")
                assert answer.status_code == (200 if name == "requests" else 404), path


@pytest.mark.parametrize("who", NARROW)
def test_lists_show_only_readable_projects(world: World, who: str) -> None:
    client = world.clients[who]
    found = client.get("simple/", {"Accept": JSON}).json()["projects"]
    assert [each["name"] for each in found] == ["acme-own"]
    for path in ("", "packages/", "?q=secret", "?q=e"):
        text = client.get(path).text
        assert not [name for name in PRIVATE[1:] if f"projects/{name}" in text or f"{name}-1.0" in text]


def test_without_credentials_all_names_look_alike(world: World) -> None:
    """A stranger learns no name: whatever it is, the answer is the same."""
    answers = {
        (answer.status_code, answer.text, answer.headers["WWW-Authenticate"])
        for name in PAGES
        for answer in [world.clients["anonymous"].get(f"simple/{name}/", {"Accept": JSON})]
    }
    assert len(answers) == 1
    assert answers.pop()[0] == 401


def test_the_refusals_of_existing_and_reserved_names_differ_in_the_name_alone(world: World) -> None:
    """Who holds a narrow token learns that a name is this index's, and neither whether it has files nor which."""
    client = world.clients["token"]
    texts = {
        client.get(f"simple/{name}/").text.replace(name, "NAME")
        for name in ("secret", "deleted", "corp-plan", "corp-other")
    }
    assert len(texts) == 1


def test_no_private_name_was_asked_for_upstream(world: World) -> None:
    for who in NARROW:
        for name in (*TAKEN, "corp-other"):
            world.clients[who].get(f"simple/{name}/")
    asked = {path.split("/")[2] for path in world.fake.requests if path.startswith("/simple/")}
    assert asked <= {"requests", "no-such-name"}
