"""The route table: every route has a right, and the fast path and the application keep it."""

import base64
import re
from collections.abc import Hashable
from pathlib import Path

import pytest

from publisher.limits import LIMITS
from publisher.server.app import IndexApp, create_app
from publisher.server.auth.principal import Right
from publisher.server.http.messages import Request, Response
from publisher.server.routes.authorization import Access, Need
from publisher.server.routes.table import DOWNLOAD, LIST, RouteTable
from publisher.server.settings import Activity, ServerSettings
from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.inside import serving_app
from tests.helpers.waiting import eventually
from tests.server.conftest import OwnIndex

OPEN = {
    "legacy",
    "health",
    "favicon.ico",
    "robots.txt",
    "-/static/*",
    "-/account/",
    "-/account/*",
    "_/oidc/audience",
    "_/oidc/mint-token",
    "_/oidc/github/mint-token",
    "_/oidc/burn-token",
}
"""Paths that need neither an account nor a right."""

READ_BY_POST = {"*", "RPC2"}
"""Paths whose POST changes nothing."""


@pytest.fixture
def app(tmp_path: Path) -> IndexApp:
    return create_app(ServerSettings((tmp_path,)))


def test_every_route_has_a_right(app: IndexApp) -> None:
    for route in app.table.routes:
        assert isinstance(route.right, Need | Access), route.path
        assert (route.right is Access.OPEN) == (route.path in OPEN), route.path
        assert route.methods, route.path
        changes = route.methods - {"GET", "HEAD"}
        if changes and route.path not in OPEN | READ_BY_POST:
            right = route.right.right if isinstance(route.right, Need) else route.right
            assert right in {
                Right.PUBLISH,
                Right.MANAGE,
                Access.PERSON,
                Access.MANAGER,
                Access.ADMIN,
                Access.LEAVING,
            }, route.path


def test_every_path_leads_to_one_route_for_a_method(app: IndexApp) -> None:
    pairs = [(route.path, method) for route in app.table.routes for method in route.methods]
    assert len(pairs) == len(set(pairs))


@pytest.mark.parametrize(
    ("method", "path", "route", "rest"),
    [
        ("GET", "", "", ""),
        ("POST", "", "", ""),
        ("GET", "simple/", "simple/", ""),
        ("GET", "simple/acme/", "simple/*", "acme/"),
        ("GET", "simple/acme/more/", "simple/*", "acme/more/"),
        ("GET", "packages/a/b.whl", "packages/*", "a/b.whl"),
        ("GET", "packages/", "*", "packages/"),
        ("GET", "packages", "*", "packages"),
        ("DELETE", "projects/acme/1.0", "projects/*", "acme/1.0"),
        ("GET", "acme/json", "*", "acme/json"),
        ("GET", "users/json", "users/*", "json"),
        ("GET", "pypi/acme/json", "pypi/*", "acme/json"),
        ("POST", "RPC2", "RPC2", ""),
    ],
)
def test_paths_find_their_routes(app: IndexApp, method: str, path: str, route: str, rest: str) -> None:
    found, below = app.table.find(method, path)
    assert (found.path, below) == (route, rest)


REFERENCE = Path(__file__).parents[3] / "docs/reference/index.md"
UNDOCUMENTED = {
    ("*", "POST"),
    ("*/json", "GET"),
    ("-/account/", "GET"),
    ("simple", "GET"),
    ("+simple", "GET"),
    ("+simple/", "GET"),
    ("+simple/*", "GET"),
    ("legacy", "GET"),
    ("legacy", "POST"),
    ("-/account/*", "GET"),
}
"""Routes of which the reference speaks in words: aliases, redirects, pages, and one for the names of projects alone."""


def test_the_reference_lists_the_routes(app: IndexApp) -> None:
    rows = REFERENCE.read_text().partition("| route | needs |")[2].partition("everything else")[0]
    documented = set()
    for method, path in re.findall(r"`(GET|PUT|POST|DELETE) /([^`?]*)", rows):
        if not path.startswith("-/public/"):  # of an index that passes packages on
            found, _ = app.table.find(method, re.sub(r"[A-Z]{4,}|\.\.\.", "x", path))
            assert method in found.methods, path
            documented.add((found.path, method))
    served = {(route.path, method) for route in app.table.routes for method in route.methods - {"HEAD"}}
    assert served - documented == UNDOCUMENTED


@pytest.mark.parametrize("asked", ["simple/", "simple/fast/", "packages/fast-1.0-py3-none-any.whl"])
def test_a_right_added_to_the_table_holds_on_both_paths(tmp_path: Path, asked: str) -> None:
    """An open index answers a page from memory; then its route asks for an account, and nothing else changes."""
    with serving_app(tmp_path, {"authenticate": frozenset[Activity]()}) as (url, app):
        make_wheel(tmp_path / "packages", "fast")
        client, fast = Client(url, None), 0
        answer = app.quick.from_memory

        def counted(request: Request, key: Hashable = None) -> Response | None:
            nonlocal fast
            found = answer(request, key)
            fast += found is not None
            return found

        app.quick.from_memory = counted  # type: ignore[method-assign]
        assert eventually(lambda: client.get(asked).status_code == 200 and fast > 0), "the page came from memory"
        app.table = app.quick.table = RouteTable(route._replace(right=Access.ACCOUNT) for route in app.table.routes)
        fast = 0
        assert client.get(asked).status_code == 401
        assert client.request("HEAD", asked).status_code == 401
        assert fast == 0
        member = Client(url, ("ada", "correct horse"))
        assert eventually(lambda: member.get(asked).status_code == 200 and fast > 0), "a remembered account is fast too"


def test_methods_are_refused_after_the_right_was_shown(client: Client) -> None:
    anonymous = Client(client.url, None)
    for path in ("simple/", "packages/x.whl", "whoami", "projects/x/1.0"):
        assert anonymous.request("PATCH", path).status_code == 401
        refused = client.request("PATCH", path)
        assert (refused.status_code, bool(refused.headers["Allow"])) == (405, True)


def test_an_upload_to_the_wrong_url_names_the_right_one(client: Client) -> None:
    refused = client.request("POST", "simple/", data={":action": "file_upload"})
    assert refused.status_code == 405
    assert f"Upload to {client.url}" in refused.text


def test_projects_that_are_named_like_routes_have_their_json(own: OwnIndex, tmp_path: Path) -> None:
    _, client = own.start()
    assert client.get("users/json").status_code == 403  # the account API, until there is such a project
    for name in ("simple", "packages", "users", "projects", "pypi"):
        assert client.upload(make_wheel(tmp_path, name)).status_code == 200
        for path in (f"{name}/json", f"pypi/{name}/json"):
            assert client.get(path).json()["info"]["version"] == "1.0", path
        assert Client(client.url, None).get(f"{name}/json").status_code == 401
    assert client.get("pypi/nothing/json").status_code == 404


def test_credentials_in_every_form_open_pypiserver_too(own: OwnIndex) -> None:
    index, _ = own.start()
    index.add_user("bob", "pässwörd")
    for scheme, encoding in (("basic", "utf-8"), ("BASIC", "latin-1")):
        header = f"{scheme} {base64.b64encode('bob:pässwörd'.encode(encoding)).decode()}"
        assert Client(index.url, None).get("packages/", {"Authorization": header}).status_code == 200


def test_slashes_at_the_beginning_of_a_path_do_not_count(client: Client) -> None:
    assert client.get("/simple/").status_code == 200
    assert Client(client.url, None).get("/packages/x-1.0.tar.gz").status_code == 401


def test_the_longest_names_that_an_upload_may_have_belong_to_their_project() -> None:
    """Otherwise an account with a right on this project alone could upload a file, and not download it."""
    assert DOWNLOAD.project is not None
    assert LIST.project is not None
    name = "a" * (LIMITS.distributions.filename - len("-1.0-py3-none-any.whl"))
    for suffix in ("", ".asc", ".metadata", ".asc.metadata"):
        assert DOWNLOAD.project(f"{name}-1.0-py3-none-any.whl{suffix}") == name
    assert DOWNLOAD.project(f"{name}a-1.0-py3-none-any.whl.asc.metadata") == ""
    assert DOWNLOAD.project("a" * 10**6 + "-1.0.tar.gz") == ""
    assert LIST.project(f"{name}/") == name
    assert LIST.project("a" * 10**6 + "/") == ""
