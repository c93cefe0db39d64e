"""A change that one worker has acknowledged is seen by the very next request to another one."""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.index import ADMIN_TOKEN, RunningIndex
from tests.helpers.issuer import Issuer, github_claims, running_issuer
from tests.helpers.trust import ADMIN, create_token
from tests.helpers.trusted import trust, trusting_index
from tests.helpers.workers import WorkerClient, serving_workers
from tests.server.conftest import PASSWORD, USER

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes by /proc")

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


class Pair:
    """Two workers of one index: changes go to one, and are looked for at the other."""

    def __init__(self, index: RunningIndex, issuer: Issuer, folder: Path) -> None:
        self.index = index
        self.issuer = issuer
        self.folder = folder
        self.pids = serving_workers(index)

    def __call__(self, worker: int, user: str | None = USER, password: str = PASSWORD) -> WorkerClient:
        return WorkerClient(self.index.url, (user, password) if user is not None else None, self.pids[worker])

    def admin(self, method: str, path: str, **options: object) -> int:
        return self(0, None).request(method, path, headers=ADMIN, **options).status_code

    def add_account(self, name: str, password: str = PASSWORD) -> None:
        assert self.admin("POST", "register", json={"username": name, "password": password}) in {200, 201}

    def publish(self, project: str, version: str = "1.0") -> Path:
        wheel = make_wheel(self.folder, project, version)
        assert self(0).upload(wheel).status_code == 200
        return wheel


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("workers")
    with running_issuer() as issuer, trusting_index(folder / "index", None, "--workers", "2") as index:
        yield Pair(index, issuer, folder)


def _filenames(client: Client, project: str) -> list[str]:
    return client.filenames(project)


def _json_page(client: Client, project: str) -> list[str]:
    return _named(client.get(f"pypi/{project}/json"), project)


def _person_page(client: Client, project: str) -> list[str]:
    page = client.get(f"projects/{project}/", {"Accept": BROWSER}).text
    return [f"{project}-{version}-py3-none-any.whl" for version in re.findall(rf"{project}/(1\.\d)\b", page)]


def _listing(client: Client, project: str) -> list[str]:
    return _named(client.get("packages/"), project)


def _named(answer: requests.Response, project: str) -> list[str]:
    return re.findall(rf"{project}-[\d.]+-py3-none-any\.whl", answer.text)


@pytest.mark.parametrize("view", [_filenames, _json_page, _person_page, _listing], ids=lambda view: view.__name__)
def test_uploads_and_deletions(pair: Pair, view: Callable[[Client, str], list[str]]) -> None:
    project = f"shown{view.__name__.replace('_', '')}"
    first = pair.publish(project)
    assert first.name in view(pair(1), project)
    for number in range(1, 4):
        wheel = pair.publish(project, f"1.{number}")
        assert wheel.name in view(pair(1), project)
        assert pair(1).get(f"packages/{wheel.name}").status_code == 200
    assert pair(0).request("DELETE", f"projects/{project}/1.1").status_code == 200
    assert f"{project}-1.1-py3-none-any.whl" not in view(pair(1), project)
    assert pair(1).get(f"packages/{project}-1.1-py3-none-any.whl").status_code == 404
    assert pair(1).upload(pair.folder / f"{project}-1.1-py3-none-any.whl").status_code == 409


@pytest.mark.parametrize("path", ["simple/", "", "?q=fresh"])
def test_new_projects(pair: Pair, path: str) -> None:
    name = f"fresh{len(path)}"
    assert name not in pair(1).get(path, {"Accept": BROWSER}).text
    pair.publish(name)
    assert f"{name}" in pair(1).get(path, {"Accept": BROWSER}).text


def test_yanks(pair: Pair) -> None:
    pair.publish("pulled")
    for _ in range(3):
        assert [file["yanked"] for file in pair(1).page("pulled")["files"]] == [False]
        assert pair(0).request("PUT", "projects/pulled/1.0/yanked", json={"reason": "broken"}).status_code == 200
        assert [file["yanked"] for file in pair(1).page("pulled")["files"]] == ["broken"]
        assert pair(0).request("DELETE", "projects/pulled/1.0/yanked").status_code == 200


def test_accounts_and_their_passwords(pair: Pair) -> None:
    pair.add_account("grace")
    assert pair(1, "grace").get("simple/").status_code == 200  # which the worker remembers
    change = pair(0, "grace").request("POST", "password", json={"password": "another horse"})
    assert change.status_code == 200
    assert pair(1, "grace").get("simple/").status_code == 401
    assert pair(1, "grace", "another horse").get("simple/").status_code == 200
    assert pair.admin("DELETE", "users/grace") == 200
    assert pair(1, "grace", "another horse").get("simple/").status_code == 401


def test_tokens(pair: Pair) -> None:
    pair.publish("tokened")
    for number in range(3):
        token = create_token(pair(0), f"ci-{number}", ["read"])
        for _ in range(2):  # the second answer comes from memory
            assert pair(1, "__token__", token).get("simple/tokened/").status_code == 200
        assert pair(0).request("DELETE", f"-/tokens/ci-{number}").status_code == 200
        assert pair(1, "__token__", token).get("simple/tokened/").status_code == 401


def test_roles_and_maintainers(pair: Pair) -> None:
    pair.add_account("linus")
    wheel = pair.publish("guarded")
    page = "simple/guarded/"
    for _ in range(2):
        assert pair(1, "linus").get(page).status_code == 200
    role = {"name": "*", "role": "none", "project": "*"}
    access = pair.index.htpasswd.with_name("access.toml")
    assert pair.admin("PUT", "-/roles", json={**role, "name": USER, "role": "maintainer"}) == 200
    try:
        text = access.read_text().replace('"*" = "maintainer"', "", 1)
        assert pair.admin("PUT", "-/roles", json={"name": "linus", "role": "reader", "project": "other"}) == 200
        assert pair(1, "linus").get(page).status_code == 200
        access.write_text(text)
        assert pair.admin("PUT", "-/roles", json={"name": "linus", "role": "reader", "project": "elsewhere"}) == 200
        assert pair(1, "linus").get(page).status_code == 403
        for _ in range(2):
            assert pair(0).request("PUT", "-/owners/guarded", json={"add": "linus"}).status_code == 200
            assert pair(1, "linus").get(page).status_code == 200
            assert pair(1, "linus").get(page).status_code == 200
            assert "guarded" in pair(1, "linus").get("simple/").text
            assert pair(0).request("PUT", "-/owners/guarded", json={"remove": "linus"}).status_code == 200
            assert pair(1, "linus").get(page).status_code == 403
            assert "guarded" not in pair(1, "linus").get("simple/").text
        assert pair.admin("PUT", "-/roles", json={"name": "linus", "role": "reader", "project": "guarded"}) == 200
        assert pair(1, "linus").get(page).status_code == 200
        assert pair.admin("PUT", "-/roles", json={"name": "linus", "role": "none", "project": "guarded"}) == 200
        assert pair(1, "linus").get(page).status_code == 403
    finally:
        access.write_text('[everyone]\n"*" = "maintainer"\n')
        assert pair.admin("PUT", "-/roles", json={"name": USER, "role": "maintainer", "project": "*"}) == 200
    assert pair(1, "linus").get(f"packages/{wheel.name}").status_code == 200


def test_publishers_minted_tokens_and_replay(pair: Pair) -> None:
    pair.publish("minted")
    audience = pair.index.url.partition("://")[2].strip("/")

    def exchange(worker: int, claims: dict[str, object] | None = None, token: str | None = None) -> tuple[int, str]:
        token = token or pair.issuer.token(github_claims(**(claims or {})), audience)
        answer = pair(worker, None).request("POST", "_/oidc/mint-token", json={"token": token})
        return answer.status_code, str(answer.json().get("token"))

    assert exchange(1)[0] == 422
    trust(pair.index, pair.issuer, "--project", "minted")
    status, minted = exchange(1)
    assert status == 200
    for _ in range(2):
        assert pair(1, "__token__", minted).get("simple/minted/").status_code == 200
    assert pair(0, None).request("POST", "_/oidc/burn-token", json={"token": minted}).status_code < 300
    assert pair(1, "__token__", minted).get("simple/minted/").status_code == 401
    used = pair.issuer.token(github_claims(), audience)
    assert exchange(0, token=used)[0] == 200
    assert exchange(1, token=used)[0] == 422
    listed = pair(0, None).get("-/trust", ADMIN).json()["publishers"]
    status, minted = exchange(1)
    assert pair(1, "__token__", minted).get("simple/minted/").status_code == 200
    assert pair.admin("DELETE", f"-/trust/{listed[0]['name']}") == 200
    assert pair(1, "__token__", minted).get("simple/minted/").status_code == 401
    assert exchange(1)[0] == 422


def test_sessions_that_were_ended_everywhere(pair: Pair) -> None:
    form = {"Accept": BROWSER, "Content-Type": "application/x-www-form-urlencoded"}

    def token_of(worker: int, path: str, cookie: str) -> tuple[str, str]:
        answer = pair(worker, None).get(path, {"Accept": BROWSER, "Cookie": cookie})
        found = re.search(r'name="token" value="([^"]+)"', answer.text)
        assert found, answer.text
        return found[1], answer.headers.get("Set-Cookie", "").partition(";")[0]

    token, form_cookie = token_of(0, "-/account/sign-in", "")
    fields = {"username": USER, "password": PASSWORD, "token": token}
    origin = {"Origin": pair.index.url.rstrip("/"), "Cookie": form_cookie}
    answer = pair(0, None).request("POST", "-/account/sign-in", data=fields, headers={**form, **origin})
    assert answer.status_code == 303, answer.text
    cookie = re.search(r"pypi-publish-session=[^;]+", answer.headers["Set-Cookie"])
    assert cookie

    def page(worker: int) -> int:
        return pair(worker, None).get("-/account/", {"Accept": BROWSER, "Cookie": cookie[0]}).status_code

    assert page(1) == 200
    token, _ = token_of(1, "-/account/", cookie[0])
    ended = pair(0, None).request(
        "POST",
        "-/account/sign-out-everywhere",
        data={"token": token},
        headers={**form, "Origin": pair.index.url.rstrip("/"), "Cookie": cookie[0]},
    )
    assert ended.status_code == 303, ended.text
    assert page(1) != 200


def test_a_token_of_the_environment_is_every_worker_s(pair: Pair) -> None:
    for worker in (0, 1):
        assert pair(worker, None).get("users", {"Authorization": f"Bearer {ADMIN_TOKEN}"}).status_code == 200
