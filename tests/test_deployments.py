"""The files in `deployments/` for machines of one's own, read by the programs that they are for."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path

import click
import pytest
import requests
import trustme
from packaging.version import Version

from publisher.building.builder import BuildOptions, build_project
from publisher.cli.main import group
from publisher.project.kinds import Kind
from tests.conftest import ROOT
from tests.helpers.index import RunningIndex
from tests.helpers.projects import ABSENT_INDEX
from tests.helpers.waiting import eventually

DEPLOYMENTS = ROOT / "deployments"
USER, PASSWORD = "ada", "correct horse"
HOST = "pypi.acme.example"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _needs(program: str) -> str:
    found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        pytest.skip(f"{program} is not on this machine")
    return found


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[tuple[str, Path, RunningIndex]]:
    """Run nginx with our file in front of an index; return its URL, its certificate, and the index."""
    nginx = _needs("nginx")
    index = RunningIndex.start(tmp_path / "index", "--trusted-proxy", "127.0.0.1")
    index.add_user(USER, PASSWORD)
    authority, port = trustme.CA(), _free_port()
    certificate = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    for number, pem in enumerate(certificate.cert_chain_pems):
        pem.write_to_path(str(tmp_path / "cert.pem"), append=number > 0)
    words = {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "listen 80": f"listen 127.0.0.1:{_free_port()}",
        "http://127.0.0.1:8080": index.url.rstrip("/"),
        f"/etc/ssl/certs/{HOST}.pem": str(tmp_path / "cert.pem"),
        f"/etc/ssl/private/{HOST}.key": str(tmp_path / "key.pem"),
        HOST: "localhost",
    }
    text = (DEPLOYMENTS / "nginx.conf").read_text()
    for old, new in words.items():
        assert old in text
        text = text.replace(old, new)
    for name in ("body", "proxy", "fastcgi", "uwsgi", "scgi"):
        text = f"{'client_body' if name == 'body' else name}_temp_path {tmp_path / name};\n{text}"
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(
        f"daemon off; pid {tmp_path / 'pid'}; error_log {tmp_path / 'errors'};\n"
        f"events {{}}\nhttp {{ access_log off;\n{text}}}\n"
    )
    server = subprocess.Popen([nginx, "-p", tmp_path, "-e", tmp_path / "errors", "-c", configuration])
    try:
        assert eventually(lambda: _answers(port) or server.poll() is not None)
        assert server.poll() is None, (tmp_path / "errors").read_text()
        yield f"https://localhost:{port}/", tmp_path / "ca.pem", index
    finally:
        server.terminate()
        server.wait(20)
        index.stop()


def _answers(port: int) -> bool:
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0


def test_behind_nginx_urls_are_the_ones_that_people_use(proxied: tuple[str, Path, RunningIndex]) -> None:
    url, authority, _ = proxied
    page = requests.get(url, auth=(USER, PASSWORD), verify=str(authority), timeout=30)
    assert page.status_code == 200
    assert f"{url}simple/" in page.text


def test_behind_nginx_no_client_says_where_it_comes_from(proxied: tuple[str, Path, RunningIndex]) -> None:
    url, authority, index = proxied
    forged = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9", "X-Forwarded-Prefix": "/forged"}
    page = requests.get(url, auth=(USER, PASSWORD), headers=forged, verify=str(authority), timeout=30)
    assert eventually(lambda: '"GET /"' in index.log.read_text())
    assert "203.0.113.9" not in index.log.read_text()
    assert "/forged" not in page.text


@pytest.mark.parametrize("path", ["deployments/Caddyfile", "deployments/compose.yaml", "docs/how-to/run-the-index.md"])
def test_with_caddy_no_client_chooses_the_prefix(path: str) -> None:
    # Caddy passes this header on unless it is configured to replace or remove it
    proxies = re.split(r"reverse[-_]proxy\b", (ROOT / path).read_text())[1:]
    assert proxies
    for proxy in proxies:
        assert re.match(r"[^`]{1,150}?header[-_]up \W?X-Forwarded-Prefix", proxy), proxy[:200]


def test_caddy_takes_its_file() -> None:
    command = [_needs("caddy"), "validate", "--adapter", "caddyfile", "--config", str(DEPLOYMENTS / "Caddyfile")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    command = "ExecStart=/opt/pypi-index/current/bin/pypi-publish"
    unit = (DEPLOYMENTS / "pypi-index.service").read_text()
    assert command in unit
    (tmp_path / "pypi-index.service").write_text(unit.replace(command, "ExecStart=/bin/echo"))
    verify = [_needs("systemd-analyze"), "verify", "--man=no", str(tmp_path / "pypi-index.service")]
    done = subprocess.run(verify, capture_output=True, text=True, check=False, timeout=60)
    complaints = [line for line in done.stderr.splitlines() if "pypi-index" in line]
    assert (done.returncode, complaints) == (0, [])


@pytest.mark.parametrize("address", ["172.17.0.2", "172.31.0.2", "192.168.16.2"])
def test_compose_trusts_a_proxy_in_each_address_pool_of_docker(address: str) -> None:
    text = (ROOT / "deployments/compose.yaml").read_text("utf-8")
    (networks,) = re.findall(r"PYPI_INDEX_TRUSTED_PROXY: ([^#\n]+)", text)
    assert [network for network in networks.split() if ip_address(address) in ip_network(network)]


@pytest.mark.parametrize("name", ["environment", "Containerfile", "compose.yaml"])
def test_settings_are_options_of_serve(name: str) -> None:
    serve = group.get_command(click.Context(group), "serve")
    assert serve is not None
    known = {option.envvar for option in serve.params if isinstance(option.envvar, str)}
    given = set(re.findall(r"PYPI_INDEX_[A-Z_]+", (DEPLOYMENTS / name).read_text()))
    assert given
    assert given <= known


@pytest.mark.parametrize("name", ["deployments/Containerfile", "docs/how-to/run-as-a-service.md"])
def test_images_are_built_with_a_valid_version(name: str, tmp_path: Path) -> None:
    (command,) = set(re.findall(r"VERSION=\$\((.+?)\)", (ROOT / name).read_text()))
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com"]

    def version() -> str:
        done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)
        return str(Version(done.stdout.strip()))

    subprocess.run([*git, "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "Begin"], cwd=tmp_path, check=True)
    assert version() == "0.0"
    subprocess.run([*git, "tag", "v1.2.3"], cwd=tmp_path, check=True)
    assert version() == "1.2.3"
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "Go on"], cwd=tmp_path, check=True)
    assert version() == "0.0"


def test_the_container_s_build_has_all_that_building_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # slow (a build): the only way to see that no file is missing, without a container
    allowed = re.findall(r"^!(.+)$", (DEPLOYMENTS / "Containerfile.dockerignore").read_text(), re.MULTILINE)
    stage = (DEPLOYMENTS / "Containerfile").read_text().partition("\nFROM ${BASE}\n")[0]
    for line in re.findall(r"^COPY (.+)$", stage, re.MULTILINE):
        *names, target = line.split()
        for name in names:
            assert name.partition("/")[0] in allowed
            place = tmp_path / target.removeprefix("/")
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, place)
    monkeypatch.setenv("SETUPTOOLS_SCM_PRETEND_VERSION", "1.2.3")
    monkeypatch.setenv("UV_DEFAULT_INDEX", ABSENT_INDEX)
    monkeypatch.setenv("UV_FIND_LINKS", str(ROOT / ".venv/wheels"))
    options = BuildOptions("uv", frozenset({Kind.WHEEL}))
    [wheel] = build_project(tmp_path / "source", tmp_path / "built", options)
    assert wheel.name == "pypi_publish-1.2.3-py3-none-any.whl"
