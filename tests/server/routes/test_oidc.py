"""Trusted publishing over HTTP: the exchange, uploads with minted tokens, and the administration of publishers."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from publisher.secret import Secret
from publisher.server.app import IndexApp
from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.inside import serving_app
from tests.helpers.issuer import REPOSITORY, Issuer, github_claims, running_issuer
from tests.helpers.waiting import eventually

AUDIENCE = "pypi.acme.example"
ADMIN = {"Authorization": "Bearer admin-token"}
ROLES = """\
[users.ada]
"acme-*" = "maintainer"
"""


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer() as issuer:
        yield issuer


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, IndexApp]]:
    settings = {"public_url": f"https://{AUDIENCE}/", "admin_token": Secret("admin-token")}
    with serving_app(tmp_path, settings) as served:
        yield served


def post(url: str, path: str, body: Any, **options: Any) -> requests.Response:
    return requests.post(url + path, json=body, timeout=30, **options)


def trust(url: str, issuer: Issuer, **values: Any) -> requests.Response:
    settings = {"repository": REPOSITORY, "workflow": "publish.yml"}
    described = {"kind": "github", "issuer": issuer.url, "settings": settings, "projects": ["acme-widgets"], **values}
    return post(url, "-/trust", described, headers=ADMIN)


def introduce(url: str, issuer: Issuer) -> None:
    """Register a publisher of another repository as an admin does, so that the index knows the issuer."""
    answer = trust(url, issuer, settings={"repository": "acme/first", "workflow": "publish.yml"})
    assert answer.status_code == 201, answer.text


def mint(url: str, issuer: Issuer, path: str = "_/oidc/mint-token", **claims: Any) -> str:
    answer = post(url, path, {"token": issuer.token(github_claims(**claims), AUDIENCE)})
    assert answer.status_code == 200, answer.text
    assert answer.json()["success"] is True
    return str(answer.json()["token"])


def test_without_a_url_there_is_no_trusted_publishing(tmp_path: Path) -> None:
    """Whatever a client says in its headers, an index that does not know its own URL has no audience."""
    with serving_app(tmp_path, {"admin_token": Secret("admin-token"), "trusted_proxies": ("*",)}) as (url, _):
        headers = {"Host": AUDIENCE, "X-Forwarded-Host": AUDIENCE, "Forwarded": f"host={AUDIENCE}"}
        answers = [
            requests.get(f"{url}_/oidc/audience", headers=headers, timeout=30),
            post(url, "_/oidc/mint-token", {"token": "x"}, headers=headers),
            post(url, "_/oidc/burn-token", {"token": "x"}, headers=headers),
            post(url, "-/trust", {"kind": "github", "projects": ["x"], "settings": {}}, headers={**headers, **ADMIN}),
        ]
        assert [answer.status_code for answer in answers] == [404] * 4
        assert all("--public-url" in answer.text for answer in answers)


def test_the_audience_is_the_configured_host(served: tuple[str, IndexApp]) -> None:
    for headers in ({}, {"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"}):
        answer = requests.get(f"{served[0]}_/oidc/audience", headers=headers, timeout=30)
        assert (answer.status_code, answer.json()) == (200, {"audience": AUDIENCE})


def test_a_token_is_minted_and_burnt_without_a_look_at_the_packages(
    served: tuple[str, IndexApp], issuer: Issuer, tmp_path: Path
) -> None:
    """A container that has just started, or whose packages are lost, answers from what lies with the accounts."""
    assert trust(served[0], issuer).status_code == 201
    shutil.rmtree(tmp_path / "packages")
    assert requests.get(f"{served[0]}_/oidc/audience", timeout=30).json() == {"audience": AUDIENCE}
    token = mint(served[0], issuer)
    assert post(served[0], "_/oidc/burn-token", {"token": token}).status_code == 202


def test_nothing_heavy_is_imported_for_the_exchange() -> None:
    heavy = {"pypiserver", "passlib", "twine", "keyring", "requests", "jinja2", "readme_renderer", "obstore", "build"}
    modules = "publisher.server.app, publisher.server.routes.oidc.exchange, publisher.server.auth.oidc.jose"
    code = f"import sys, {modules}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_job_publishes_and_burns_its_token(served: tuple[str, IndexApp], issuer: Issuer, tmp_path: Path) -> None:
    url, _ = served
    assert trust(url, issuer, creates=True).status_code == 201
    token = mint(url, issuer)
    client = Client(url, ("__token__", token))
    first, other = make_wheel(tmp_path, "acme_widgets"), make_wheel(tmp_path, "acme_gears")
    assert client.upload(first).status_code == 200
    assert client.filenames("acme-widgets") == [first.name]
    assert client.upload(other).status_code == 403
    for path in ("-/trust", "users", "password"):
        assert client.get(path).status_code in {401, 403, 405}, path
    assert client.request("DELETE", "projects/acme-widgets/1.0/").status_code == 403
    assert post(url, "_/oidc/burn-token", {"token": token}).status_code == 202
    assert client.upload(first).status_code == 401
    assert client.get("simple/acme-widgets/").status_code == 401
    again = Client(url, ("__token__", mint(url, issuer, "_/oidc/github/mint-token")))
    assert again.upload(make_wheel(tmp_path, "acme_widgets", "1.1")).status_code == 200


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"token": 1}', b'{"token": ""}', b"\xff", b"[" * 50_000])
@pytest.mark.parametrize("path", ["_/oidc/mint-token", "_/oidc/burn-token"])
def test_invalid_bodies_are_refused(served: tuple[str, IndexApp], path: str, body: bytes) -> None:
    answer = requests.post(served[0] + path, data=body, timeout=30)
    assert answer.status_code == 422
    assert answer.json()["message"] == "Token request failed"
    assert [error["code"] for error in answer.json()["errors"]] == ["invalid-payload"]
    assert answer.json()["errors"][0]["description"]


def test_refusals_have_the_format_that_clients_read(served: tuple[str, IndexApp], issuer: Issuer) -> None:
    url, _ = served
    trust(url, issuer)
    token = issuer.token(github_claims(), AUDIENCE)
    assert post(url, "_/oidc/mint-token", {"token": token}).status_code == 200
    for sent, code in (
        (token, "invalid-reuse-token"),
        ("x.y.z", "invalid-token"),
        (issuer.token(github_claims(ref="refs/heads/main"), AUDIENCE), "invalid-publisher"),
    ):
        answer = post(url, "_/oidc/mint-token", {"token": sent})
        assert answer.status_code == 422
        assert [error["code"] for error in answer.json()["errors"]] == [code]
        assert sent not in answer.text
    assert post(url, "_/oidc/burn-token", {"token": "pypi-publish-oidc_x.y.z"}).status_code == 202


def test_who_may_vouch_for_a_publisher(served: tuple[str, IndexApp], issuer: Issuer) -> None:
    """Without roles it takes an admin; with roles, the accounts that manage the projects may, by their passwords."""
    url, _ = served
    settings = {"repository": REPOSITORY, "workflow": "publish.yml"}
    described = {"kind": "github", "issuer": issuer.url, "settings": settings, "projects": ["acme-widgets"]}
    ada = ("ada", "correct horse")
    assert post(url, "-/trust", described).status_code == 401
    assert post(url, "-/trust", described, auth=("ada", "wrong")).status_code == 401
    refused = post(url, "-/trust", described, auth=ada)
    assert (refused.status_code, "'admin'" in refused.text) == (403, True)
    assert requests.get(f"{url}-/trust", timeout=30, auth=ada).json()["publishers"] == []
    assert trust(url, issuer).status_code == 201
    name = requests.get(f"{url}-/trust", headers=ADMIN, timeout=30).json()["publishers"][0]["name"]
    assert requests.delete(f"{url}-/trust/{name}", timeout=30, auth=ada).status_code == 403
    token = ("__token__", mint(url, issuer))
    assert post(url, "-/trust", described, auth=token).status_code == 403
    assert requests.delete(f"{url}-/trust/{name}", headers=ADMIN, timeout=30).status_code == 200
    assert requests.delete(f"{url}-/trust/{name}", headers=ADMIN, timeout=30).status_code == 404
    assert requests.get(f"{url}simple/", auth=token, timeout=30).status_code == 401


@pytest.mark.parametrize("projects", [["acme-widgets"], ["acme-widgets", "other"]])
def test_maintainers_vouch_for_their_projects(
    served: tuple[str, IndexApp], issuer: Issuer, tmp_path: Path, projects: list[str]
) -> None:
    url, app = served
    (tmp_path / "access.toml").write_text(ROLES)
    app._access.forget()
    settings = {"repository": REPOSITORY, "workflow": "publish.yml"}
    described = {"kind": "github", "issuer": issuer.url, "settings": settings, "projects": projects}
    unknown = post(url, "-/trust", described, auth=("ada", "correct horse"))
    assert unknown.status_code == 403, "the index fetches keys from an issuer, so an admin names the first"
    introduce(url, issuer)
    answer = post(url, "-/trust", described, auth=("ada", "correct horse"))
    assert answer.status_code == (201 if projects == ["acme-widgets"] else 403), answer.text
    pending = post(url, "-/trust", {**described, "creates": True}, auth=("ada", "correct horse"))
    assert pending.status_code in {403, 422}


def test_a_publisher_loses_what_its_voucher_loses(served: tuple[str, IndexApp], issuer: Issuer, tmp_path: Path) -> None:
    url, app = served
    (tmp_path / "access.toml").write_text(ROLES)
    app._access.forget()
    settings = {"repository": REPOSITORY, "workflow": "publish.yml"}
    described = {"kind": "github", "issuer": issuer.url, "settings": settings, "projects": ["acme-widgets"]}
    introduce(url, issuer)
    ada = Client(url, ("ada", "correct horse"))
    assert ada.upload(make_wheel(tmp_path, "acme_widgets")).status_code == 200
    assert post(url, "-/trust", described, auth=("ada", "correct horse")).status_code == 201
    job = Client(url, ("__token__", mint(url, issuer)))
    assert job.upload(make_wheel(tmp_path, "acme_widgets", "1.1")).status_code == 200
    (tmp_path / "htpasswd").write_text("bob:$apr1$x$x\n")
    later = eventually(lambda: job.upload(make_wheel(tmp_path, "acme_widgets", "1.2")).status_code == 401)
    assert later
    answer = post(url, "_/oidc/mint-token", {"token": issuer.token(github_claims(), AUDIENCE)})
    assert answer.json()["errors"][0]["code"] == "invalid-publisher"


def test_descriptions_that_are_not_valid(served: tuple[str, IndexApp], issuer: Issuer) -> None:
    answer = trust(served[0], issuer, projects=["no project"])
    assert (answer.status_code, "no project" in answer.text) == (422, True)


def listed(url: str, **options: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = requests.get(f"{url}-/trust", timeout=30, **options).json()["publishers"]
    return found


def test_a_list_says_who_vouches_and_by_what_right(
    served: tuple[str, IndexApp], issuer: Issuer, tmp_path: Path
) -> None:
    url, app = served
    (tmp_path / "access.toml").write_text('[users.ada]\n"acme-*" = ["create"]\n')
    app._access.forget()
    ada = Client(url, ("ada", "correct horse"))
    assert ada.upload(make_wheel(tmp_path, "acme_widgets")).status_code == 200  # which makes her its maintainer
    introduce(url, issuer)
    mine = {"kind": "github", "issuer": issuer.url, "projects": ["acme-widgets"]}
    settings = {"repository": REPOSITORY, "workflow": "publish.yml"}
    assert post(url, "-/trust", {**mine, "settings": settings}, auth=("ada", "correct horse")).status_code == 201
    by_ada, by_token = (
        next(each for each in listed(url, headers=ADMIN) if each["vouched-by"] == name)
        for name in ("ada", "AUTH_TOKEN")
    )
    assert by_ada["standing"] == {"acme-widgets": "maintainer"}
    assert by_token["standing"] == {"acme-widgets": "admin"}
    assert (by_ada["registered_by"], by_ada["registered"] > 0) == ("ada", True)
    assert [each["name"] for each in listed(url, auth=("ada", "correct horse"))] == [by_token["name"], by_ada["name"]]
    job = Client(url, ("__token__", mint(url, issuer)))
    assert job.get("whoami").json()["grants"] == [
        {"rights": ["publish", "read"], "projects": "acme-widgets", "role": "publisher"}
    ]
    assert (
        requests.put(f"{url}-/owners/acme-widgets", json={"remove": "ada"}, headers=ADMIN, timeout=30).status_code
        == 200
    )
    (lost,) = (each for each in listed(url, headers=ADMIN) if each["vouched-by"] == "ada")
    assert lost["standing"] == {"acme-widgets": ""}
    assert job.get("whoami").json()["grants"] == [{"rights": [], "projects": "acme-widgets", "role": None}]
    assert job.upload(make_wheel(tmp_path, "acme_widgets", "2.0")).status_code == 403


def test_an_admin_names_the_account_with_which_a_publisher_ends(
    served: tuple[str, IndexApp], issuer: Issuer, tmp_path: Path
) -> None:
    url, _ = served
    assert trust(url, issuer, voucher="grace").status_code == 422
    assert trust(url, issuer, voucher="ada").status_code == 201
    assert listed(url, headers=ADMIN)[0]["vouched-by"] == "ada"
    ada = Client(url, ("ada", "correct horse"))
    assert ada.upload(make_wheel(tmp_path, "acme_widgets")).status_code == 200
    token = mint(url, issuer)
    assert Client(url, ("__token__", token)).get("simple/acme-widgets/").status_code == 200
    ended = requests.delete(f"{url}users/ada", headers=ADMIN, timeout=30).json()["ended"]
    assert ended["publishers"] == [f"{REPOSITORY} (publish.yml)"]
    assert listed(url, headers=ADMIN) == []
    assert Client(url, ("__token__", token)).get("simple/acme-widgets/").status_code == 401


def test_only_an_admin_lets_another_account_vouch(served: tuple[str, IndexApp], issuer: Issuer, tmp_path: Path) -> None:
    url, app = served
    (tmp_path / "access.toml").write_text(ROLES)
    app._access.forget()
    introduce(url, issuer)
    post(url, "register", {"username": "grace", "password": "long enough"}, headers=ADMIN)
    settings = {"repository": REPOSITORY, "workflow": "publish.yml"}
    mine = {"kind": "github", "issuer": issuer.url, "projects": ["acme-widgets"], "settings": settings}
    refused = post(url, "-/trust", {**mine, "voucher": "grace"}, auth=("ada", "correct horse"))
    assert (refused.status_code, "another account" in refused.text) == (403, True)
    assert post(url, "-/trust", {**mine, "voucher": "ada"}, auth=("ada", "correct horse")).status_code == 201


def test_a_new_account_vouches_for_nothing_that_an_old_one_of_its_name_did(
    served: tuple[str, IndexApp], issuer: Issuer, tmp_path: Path
) -> None:
    """The old one was removed by an editor, which ends nothing; the index ends it when the name is given again."""
    url, app = served
    assert trust(url, issuer, voucher="ada").status_code == 201
    ada = Client(url, ("ada", "correct horse"))
    assert ada.upload(make_wheel(tmp_path, "acme_widgets")).status_code == 200
    token = mint(url, issuer)
    (tmp_path / "htpasswd").write_text("")
    app._authenticator.forget_accounts()
    made = post(url, "register", {"username": "ada", "password": "another person"}, headers=ADMIN)
    assert made.status_code == 201
    assert listed(url, headers=ADMIN) == []
    assert Client(url, ("__token__", token)).get("simple/acme-widgets/").status_code == 401
    owners = requests.get(f"{url}-/owners/acme-widgets", auth=("ada", "another person"), timeout=30)
    assert owners.json()["maintainers"] == []


def test_a_release_and_the_trail_name_the_job_and_no_secret(
    served: tuple[str, IndexApp], issuer: Issuer, tmp_path: Path
) -> None:
    url, _ = served
    assert trust(url, issuer, creates=True).status_code == 201
    identity = issuer.token(github_claims(), AUDIENCE)
    token = post(url, "_/oidc/mint-token", {"token": identity}).json()["token"]
    assert Client(url, ("__token__", token)).upload(make_wheel(tmp_path, "acme_widgets")).status_code == 200
    assert post(url, "_/oidc/burn-token", {"token": token}).status_code == 202
    assert post(url, "_/oidc/burn-token", {"token": f"{token}x"}).status_code == 202  # which ends nothing
    ada = Client(url, ("ada", "correct horse"))
    shown = " ".join(re.sub(r"<[^>]+>", "", ada.get("projects/acme-widgets/1.0/").text).split())
    assert f"from {REPOSITORY} at aaaaaaaaaaaa" in shown, shown[:600]
    (publisher,) = listed(url, headers=ADMIN)
    assert publisher["title"] == f"{REPOSITORY} (publish.yml)"
    assert (publisher["vouched-by"], "serial" in publisher) == ("AUTH_TOKEN", False)
    name = publisher["name"]
    assert requests.delete(f"{url}-/trust/{name}", headers=ADMIN, timeout=30).status_code == 200
    events = requests.get(f"{url}-/audit", headers=ADMIN, timeout=30).json()["events"]
    assert [(each["what"], each["kind"]) for each in events] == [
        ("publisher-added", "admin_token"),
        ("token-minted", "minted"),
        ("upload", "minted"),
        ("token-burnt", "minted"),
        ("publisher-removed", "admin_token"),
    ]
    for event in (events[0], events[4]):
        assert (event["publisher"], event["title"]) == (name, f"{REPOSITORY} (publish.yml)")
        assert (event["projects"], event["voucher"]) == (["acme-widgets"], "AUTH_TOKEN")
    for event in events[1:4]:
        assert event["user"] == f"{REPOSITORY} (publish.yml)"
        assert event["origin"] == {
            "issuer": issuer.url,
            "repository": REPOSITORY,
            "commit": "a" * 40,
            "run": "777",
        }
    assert not [text for text in (token, identity, "admin-token") if text in json.dumps(events)]


@pytest.mark.parametrize("publisher", ["trusted", "unknown"])
def test_no_token_is_minted_while_the_copy_of_the_rules_decides(
    served: tuple[str, IndexApp], issuer: Issuer, tmp_path: Path, publisher: str
) -> None:
    """It could change nothing, and the issuer's token would be used up for it; ending a token is always possible."""
    url, app = served
    if publisher == "trusted":
        assert trust(url, issuer).status_code == 201
        minted = mint(url, issuer)
    (tmp_path / "htpasswd.access").write_text(json.dumps({"text": '[users.ada]\n"*" = "admin"\n'}))
    (tmp_path / "access.toml").write_text("[users")
    app._access._applied = None  # as at a start
    app._access.forget()
    answer = post(url, "_/oidc/mint-token", {"token": issuer.token(github_claims(), AUDIENCE)})
    assert (answer.status_code, "access.toml" in answer.text) == (503, True)
    if publisher == "trusted":
        assert post(url, "_/oidc/burn-token", {"token": minted}).status_code == 202
        assert requests.get(f"{url}simple/", auth=("__token__", minted), timeout=30).status_code == 401


@pytest.mark.parametrize("who", ["ada", "AUTH_TOKEN"])
def test_publishers_of_the_client_take_an_admin(
    served: tuple[str, IndexApp], issuer: Issuer, tmp_path: Path, who: str
) -> None:
    url, app = served
    (tmp_path / "access.toml").write_text('[users.ada]\npypi-publish = "maintainer"\n')
    app._access.forget()
    introduce(url, issuer)
    described = {
        "kind": "github",
        "issuer": issuer.url,
        "settings": {"repository": REPOSITORY, "workflow": "publish.yml", "environment": "modal"},
        "pins": {"repository_id": "1001", "repository_owner_id": "42"},
        "projects": ["pypi-publish"],
        "creates": True,
    }
    auth: dict[str, Any] = {"headers": ADMIN} if who == "AUTH_TOKEN" else {"auth": ("ada", "correct horse")}
    answer = post(url, "-/trust", described, **auth)
    if who == "ada":
        assert (answer.status_code, "'admin'" in answer.text) == (403, True)
        return
    assert answer.status_code == 201, answer.text
    job = Client(url, ("__token__", mint(url, issuer, environment="modal")))
    assert job.upload(make_wheel(tmp_path, "pypi_publish")).status_code == 200
    assert job.upload(make_wheel(tmp_path, "acme_widgets")).status_code == 403
