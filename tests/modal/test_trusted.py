"""Trusted publishing in containers: one volume, one list of used tokens, and the audience of the deployment."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from passlib.apache import HtpasswdFile

from tests.helpers.dists import make_wheel
from tests.helpers.index import complete_log
from tests.helpers.issuer import REPOSITORY, Issuer, github_claims, running_issuer
from tests.helpers.waiting import eventually
from tests.modal.api import new_api, running
from tests.modal.conftest import run_deploy
from tests.modal.containers import TOKEN, Container, Platform, build_image

BEARER = {"Authorization": f"Bearer {TOKEN}"}
DOMAINS = "pypi.acme.example,packages.acme.example"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer() as issuer:
        yield issuer


def trust(container: Container, issuer: Issuer, **values: object) -> None:
    settings = {"repository": REPOSITORY, "workflow": "publish.yml"}
    described = {"kind": "github", "issuer": issuer.url, "settings": settings, "projects": ["acme-widgets"], **values}
    answer = requests.post(f"{container.url}-/trust", json=described, headers=BEARER, timeout=60)
    assert answer.status_code == 201, answer.text


def exchange(container: Container, token: str, path: str = "mint-token") -> requests.Response:
    return requests.post(f"{container.url}_/oidc/{path}", json={"token": token}, timeout=60)


def upload(container: Container, wheel: Path, token: str) -> requests.Response:
    with wheel.open("rb") as content:
        return requests.post(
            container.url,
            data={":action": "file_upload"},
            files={"content": (wheel.name, content)},
            auth=("__token__", token),
            timeout=60,
        )


def accounts(platform: Platform, folder: Path) -> None:
    """Commit an accounts file, as an earlier deployment left it."""
    users = HtpasswdFile(str(folder / "htpasswd"), new=True, default_scheme="apr_md5_crypt")
    users.set_password("ann", "correct horse")
    platform.commit_to("pypiserver-credentials", ".htpasswd", users.to_string())


@pytest.mark.wide
def test_a_token_of_one_container_is_known_used_up_and_burnt_in_the_other(
    platform: Platform, issuer: Issuer, tmp_path: Path
) -> None:
    accounts(platform, tmp_path)
    one, two = platform.start("server"), platform.start("server")
    audience = urlsplit(platform.workspace.web_url("server")).netloc
    trust(one, issuer, creates=True)
    identity = issuer.token(github_claims(), audience)
    minted = exchange(one, identity)
    assert minted.status_code == 200, minted.text
    token = minted.json()["token"]
    wheel = make_wheel(tmp_path)
    assert upload(two, wheel, token).status_code == 200
    replayed = exchange(two, identity)
    assert (replayed.status_code, replayed.json()["errors"][0]["code"]) == (422, "invalid-reuse-token")
    another = exchange(two, issuer.token(github_claims(), audience))
    assert another.status_code == 200, another.text
    assert upload(one, make_wheel(tmp_path, version="1.1"), another.json()["token"]).status_code == 200
    assert exchange(two, token, "burn-token").status_code == 202
    assert eventually(lambda: upload(one, wheel, token).status_code == 401)  # after the 5 s of a copy of the list
    assert not [
        text for text in (identity, token) if text in complete_log(one.url, one.log) + complete_log(two.url, two.log)
    ]


@pytest.mark.wide
def test_the_audience_is_the_first_domain_of_the_deployment(issuer: Issuer, tmp_path: Path) -> None:
    api = new_api()
    with running(api) as url:
        done = run_deploy(url, tmp_path, {"PYPI_DEPLOY_DOMAIN": DOMAINS})
    assert done.returncode == 0, done.stdout + done.stderr
    platform = Platform(api.workspace, build_image(api.workspace, tmp_path / "image"), tmp_path / "platform")
    try:
        server = platform.start("server")
        trust(server, issuer, creates=True)
        answer = requests.get(f"{server.url}_/oidc/audience", headers={"Host": "evil.example"}, timeout=60)
        assert answer.json() == {"audience": "pypi.acme.example"}
        minted = exchange(server, issuer.token(github_claims(), "pypi.acme.example"))
        assert minted.status_code == 200, minted.text
        assert upload(server, make_wheel(tmp_path), minted.json()["token"]).status_code == 200
        for audience in ("packages.acme.example", urlsplit(api.workspace.web_url("server")).netloc):
            refused = exchange(server, issuer.token(github_claims(), audience))
            assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "invalid-token"), audience
    finally:
        platform.close()
