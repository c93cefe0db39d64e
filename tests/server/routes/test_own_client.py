"""The index's own client: a name of its own, and lines that take it from nowhere else."""

import html
from pathlib import Path

from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.server.conftest import PASSWORD, USER, OwnIndex

NAME = "pypi_publish"


def test_the_clients_name_is_for_the_accounts_that_a_setting_names(own: OwnIndex, tmp_path: Path) -> None:
    index, client = own.start("--client-uploader", "grace")
    index.add_user("grace", PASSWORD)
    grace = Client(index.url, ("grace", PASSWORD))
    wheel = make_wheel(tmp_path, NAME)
    refused = client.upload(wheel)
    assert refused.status_code == 403
    assert "--client-uploader ada" in refused.text
    assert grace.upload(wheel).status_code == 200
    assert client.request("PUT", "projects/pypi-publish/1.0/yanked", json={}).status_code == 403
    assert client.request("DELETE", "projects/Pypi.Publish/1.0").status_code == 403
    removal = {":action": (None, "remove_pkg"), "name": (None, "pypi_publish"), "version": (None, "1.0")}
    assert client.request("POST", "", files=removal).status_code == 403
    assert client.upload(make_wheel(tmp_path, "pypi_publish_not")).status_code == 200
    assert grace.request("PUT", "projects/pypi-publish/1.0/yanked", json={}).status_code == 200


def test_an_open_index_takes_the_client_from_no_one(own: OwnIndex, tmp_path: Path) -> None:
    index, _ = own.start("--authenticate", ".")
    assert Client(index.url, None).upload(make_wheel(tmp_path, NAME)).status_code == 403


def test_the_home_page_prints_the_wheels_url_and_its_uploader(own: OwnIndex, tmp_path: Path) -> None:
    _, client = own.start("--client-uploader", USER, "--trusted-proxy", "127.0.0.1")
    assert "Get pypi-publish" not in client.get("").text
    client.upload(make_wheel(tmp_path, NAME, "0.9"))
    client.upload(make_wheel(tmp_path, NAME, "0.10"))
    proxied = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "acme.example", "X-Forwarded-Prefix": "/p"}
    page = client.get("", proxied).text
    url = "https://acme.example/p/packages/pypi_publish-0.10-py3-none-any.whl"
    page = html.unescape(page)
    requirement = f"'pypi-publish @ {url}'"
    assert f"uv auth login https://acme.example\nuv tool install --with-executables-from keyring {requirement}" in page
    assert f"pip install {requirement}" in page
    assert "pypi-publish login --index-url https://acme.example/p/" in page
    assert "pypi_publish-0.10-py3-none-any.whl, uploaded by <bdi>ada</bdi>" in page
    client.request("PUT", "projects/pypi-publish/0.10/yanked", json={})
    assert "packages/pypi_publish-0.9-py3-none-any.whl" in client.get("").text
