"""Publishing from a CI job without a stored secret, with the real command and other tools."""

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.conftest import ROOT
from tests.helpers.answering import Answer, answering
from tests.helpers.cases import main_and_wide
from tests.helpers.dists import make_wheel
from tests.helpers.index import ADMIN_TOKEN, RunningIndex
from tests.helpers.issuer import Issuer, github_claims, gitlab_claims, running_issuer
from tests.helpers.tool import pypi_publish, run
from tests.helpers.trusted import free_port, github_job, secrets_of, tls_in_front, trust, trusting_index

PUBLISH = ("upload", "--require-tag", "--tag", "v1.0")
WHEEL = "acme_widgets-1.0-py3-none-any.whl"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with running_issuer() as issuer:
        issuer.runner_claims = github_claims()
        yield issuer


@pytest.fixture
def index(tmp_path: Path) -> Iterator[RunningIndex]:
    with trusting_index(tmp_path / "index") as index:
        yield index


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return make_wheel(tmp_path, "acme_widgets")


def _published(index: RunningIndex) -> list[str]:
    return sorted(path.name for path in index.root.iterdir() if path.is_file())


def _masked(text: str) -> list[str]:
    return re.findall(r"^::add-mask::(.*)$", text, re.MULTILINE)


@pytest.mark.essential
def test_a_job_publishes_without_a_secret(index: RunningIndex, issuer: Issuer, wheel: Path) -> None:
    trust(index, issuer, "--project", "acme-widgets", "--create", "--environment", "release")
    issuer.runner_claims = github_claims(environment="release")
    job = {**github_job(issuer), "PYPI_PUBLISH_INDEX_URL": index.url}
    done = pypi_publish(*PUBLISH, wheel, env=job)
    issuer.runner_claims = github_claims()
    assert done.code == 0, done.everything
    assert _published(index) == [WHEEL]
    id_token, token, *_ = _masked(done.everything)
    assert id_token == issuer.issued[-1]
    without_masks = re.sub(r"^::add-mask::.*$", "", done.everything, flags=re.MULTILINE)
    log = index.complete_log()
    for secret in (*secrets_of(index, issuer), token):
        assert secret not in without_masks
        assert secret not in log
    burnt = requests.get(f"{index.url}simple/", auth=("__token__", token), timeout=30)
    assert burnt.status_code == 401


def test_gitlab_and_others_hand_the_token_in_a_variable(index: RunningIndex, issuer: Issuer, tmp_path: Path) -> None:
    trust(index, issuer, "--project", "acme-widgets", "--create", kind="gitlab")
    trust(index, issuer, "--project", "acme-gears", "--create", "--claim", "sub=robot:*", kind="oidc")
    audience = index.url.removeprefix("http://").rstrip("/")
    variable = re.sub("[^A-Z0-9]", "_", audience.upper()) + "_ID_TOKEN"
    for name, claims, more in (
        ("acme_widgets", gitlab_claims(issuer), {"GITLAB_CI": "true"}),
        ("acme_gears", {"sub": "robot:7"}, {}),
    ):
        job = {**more, variable: issuer.token(claims, audience), "PYPI_PUBLISH_INDEX_URL": index.url}
        done = pypi_publish("upload", make_wheel(tmp_path, name), env=job)
        assert done.code == 0, done.everything
    assert len(_published(index)) == 2


def test_credentials_that_are_given_come_first(index: RunningIndex, issuer: Issuer, wheel: Path) -> None:
    asked = len(issuer.asked)
    account = {"PYPI_PUBLISH_USERNAME": "ada", "PYPI_PUBLISH_PASSWORD": "correct horse"}
    job = {**github_job(issuer), "PYPI_PUBLISH_INDEX_URL": index.url, **account}
    assert pypi_publish("upload", wheel, env=job).code == 0
    assert len(issuer.asked) == asked
    always = pypi_publish("upload", wheel, "--trusted-publishing", "always", env=job)
    assert always.code == 4
    assert "no matching publisher" in always.everything or "No publisher" in always.everything


def test_never_asks_for_no_token(index: RunningIndex, issuer: Issuer, wheel: Path) -> None:
    trust(index, issuer, "--project", "acme-widgets", "--create")
    asked = len(issuer.asked)
    job = {**github_job(issuer), "PYPI_PUBLISH_INDEX_URL": index.url}
    assert pypi_publish("upload", wheel, "--trusted-publishing", "never", env=job).code == 4
    assert pypi_publish("upload", wheel, env={**job, "PYPI_PUBLISH_TRUSTED_PUBLISHING": "never"}).code == 4
    assert len(issuer.asked) == asked


def test_without_a_publisher_other_credentials_are_looked_for(
    index: RunningIndex, issuer: Issuer, wheel: Path, tmp_path: Path
) -> None:
    """One line says so; with nothing else it is said again, with the command that registers the job."""
    job = {**github_job(issuer), "PYPI_PUBLISH_INDEX_URL": index.url}
    poor = pypi_publish("upload", wheel, env=job)
    assert poor.code == 4
    assert poor.everything.count("No trusted publishing:") == 1
    assert "pypi-publish trust add github acme/widgets --workflow publish.yml" in poor.everything
    assert "--environment ENVIRONMENT" in poor.everything
    assert "--repository-id 1001 --owner-id 42" in poor.everything
    netrc = tmp_path / "netrc"
    netrc.write_text('machine 127.0.0.1 login ada password "correct horse"\n')
    netrc.chmod(0o600)
    rich = pypi_publish("upload", wheel, env={**job, "NETRC": str(netrc)})
    assert rich.code == 0, rich.everything
    assert rich.everything.count("No trusted publishing:") == 1


@pytest.mark.parametrize("mode", ["auto", "always"])
def test_a_missing_permission_is_said(index: RunningIndex, issuer: Issuer, wheel: Path, mode: str) -> None:
    job = {**github_job(issuer), "PYPI_PUBLISH_INDEX_URL": index.url, "PYPI_PUBLISH_TRUSTED_PUBLISHING": mode}
    del job["ACTIONS_ID_TOKEN_REQUEST_URL"]
    done = pypi_publish("upload", wheel, env=job)
    assert done.code == 4
    assert "id-token: write" in done.everything


@pytest.mark.parametrize(("mode", "code"), [("auto", 4), ("always", 2)])
def test_an_index_without_trusted_publishing(issuer: Issuer, wheel: Path, tmp_path: Path, mode: str, code: int) -> None:
    plain = RunningIndex.start(tmp_path / "plain")
    plain.add_user("ada", "correct horse")
    job = {**github_job(issuer), "PYPI_PUBLISH_INDEX_URL": plain.url}
    done = pypi_publish("upload", wheel, "--trusted-publishing", mode, env=job)
    assert plain.stop() == 0
    assert "no trusted publishing" in done.everything
    assert done.code == code, done.everything


@pytest.mark.parametrize("mode", ["auto", "always"])
@pytest.mark.parametrize("audience", ["pypi", "127.0.0.1", ["x"], None, "::add-mask::x\n::set-env name=X::y"])
def test_an_index_that_asks_for_a_foreign_audience_gets_no_token(
    issuer: Issuer, wheel: Path, mode: str, audience: object
) -> None:
    asked = len(issuer.asked)
    body = json.dumps({"audience": audience}).encode()
    with answering(lambda _: Answer(200, body, {"Content-Type": "application/json"})) as url:
        job = {**github_job(issuer), "PYPI_PUBLISH_INDEX_URL": url, "PYPI_PUBLISH_TRUSTED_PUBLISHING": mode}
        done = pypi_publish("upload", wheel, env=job)
    assert done.code == 4
    assert "not its own host name" in done.everything
    assert len(issuer.asked) == asked
    assert not re.search(r"^::set-env", done.everything, re.MULTILINE)


@pytest.mark.parametrize("mode", ["auto", "always"])
def test_an_index_that_does_not_answer_stops_the_job(issuer: Issuer, wheel: Path, mode: str) -> None:
    job = {**github_job(issuer), "PYPI_PUBLISH_INDEX_URL": f"http://127.0.0.1:{free_port()}/"}
    done = pypi_publish("upload", wheel, "--trusted-publishing", mode, env=job)
    assert done.code == 6, done.everything


def test_publishers_are_listed_and_removed(index: RunningIndex, issuer: Issuer) -> None:
    added = trust(index, issuer, "--project", "acme-widgets")
    name = added.stdout.strip()
    assert "Without --environment" in added.stderr
    assert "--repository-id" in added.stderr
    admin = {"PYPI_PUBLISH_ADMIN_TOKEN": ADMIN_TOKEN, "PYPI_PUBLISH_INDEX_URL": index.url}
    listed = pypi_publish("trust", "list", env=admin)
    assert listed.code == 0
    shown = f"{name}  acme/widgets (publish.yml)  acme-widgets  vouched for by AUTH_TOKEN (admin)  since "
    assert listed.stdout.startswith(shown)
    assert pypi_publish("trust", "list", "--json", env=admin).json["publishers"][0]["name"] == name
    assert pypi_publish("trust", "remove", name, env=admin).code == 0
    again = pypi_publish("trust", "remove", name, env=admin)
    assert (again.code, "trust list" in again.stderr) == (1, True)
    assert pypi_publish("trust", "list", env=admin).stdout == ""
    account = {"PYPI_PUBLISH_USERNAME": "ada", "PYPI_PUBLISH_PASSWORD": "correct horse"}
    refused = pypi_publish("trust", "list", env={"PYPI_PUBLISH_INDEX_URL": index.url, **account})
    assert refused.code == 0  # there is nothing that ada manages


def test_without_a_url_trust_says_why(tmp_path: Path) -> None:
    plain = RunningIndex.start(tmp_path / "plain")
    words = ["trust", "add", "github", "acme/widgets", "--workflow", "publish.yml", "--project", "acme-widgets"]
    done = pypi_publish(*words, "--index-url", plain.url, env={"PYPI_PUBLISH_ADMIN_TOKEN": ADMIN_TOKEN})
    assert plain.stop() == 0
    assert done.code == 2
    assert "--public-url" in done.stderr


CLIENTS = ROOT / ".venv" / "clients" / "bin"


@pytest.mark.parametrize("tool", main_and_wide(["uv", "pdm", "exchange"], "uv", "exchange"))
def test_other_tools(tmp_path: Path, issuer: Issuer, wheel: Path, tool: str) -> None:
    """Speak https to the root of the host, as uv does; `exchange` is what gh-action-pypi-publish documents."""
    port = free_port()
    url = f"https://localhost:{port}/"
    with trusting_index(tmp_path / "index", url, "--trusted-proxy", "127.0.0.1") as index:
        behind = int(index.url.rstrip("/").rpartition(":")[2])
        trust(index, issuer, "--project", "acme-widgets", "--create")
        with tls_in_front(tmp_path, port, behind) as tls:
            job = {**github_job(issuer), **tls.variables, "NO_PROXY": "*"}
            output = _with(tool, tls.url, wheel, job, tmp_path)
        assert _published(index) == [WHEEL]
        log = index.complete_log()
        unmasked = re.sub(r"^::add-mask::.*$", "", output, flags=re.MULTILINE)
        for secret in secrets_of(index, issuer):
            assert secret not in log
            assert secret not in unmasked
        assert "burn-token" in log or tool != "uv"


def _with(tool: str, url: str, wheel: Path, job: dict[str, str], folder: Path) -> str:
    """Publish a wheel with a tool, and return what it printed."""
    if tool == "uv":
        command = [str(Path(sys.executable).parent / "uv"), "publish", "--trusted-publishing", "always"]
        done = run([*command, "--publish-url", f"{url}legacy/", str(wheel)], env={**job, "UV_DEFAULT_INDEX": ""})
    elif tool == "pdm":
        (folder / "dist").mkdir()
        wheel.rename(folder / "dist" / wheel.name)
        (folder / "pyproject.toml").write_text('[project]\nname = "acme-widgets"\nversion = "1.0"\n')
        command = [str(CLIENTS / "pdm"), "publish", "--no-build", "--repository", url, "-v"]
        done = run([*command, "--ca-certs", job["SSL_CERT_FILE"]], env=job, cwd=folder)
    else:
        token = _exchanged(url, job)
        twine = [sys.executable, "-m", "twine", "upload", "--non-interactive", "--repository-url", url, str(wheel)]
        done = run(twine, env={**job, "TWINE_USERNAME": "__token__", "TWINE_PASSWORD": token})
    assert done.code == 0, done.everything
    return done.everything


def _exchanged(url: str, job: dict[str, str]) -> str:
    """Exchange a token as gh-action-pypi-publish does, within its 5 seconds for each request."""
    verify = job["SSL_CERT_FILE"]
    audience = requests.get(f"{url}_/oidc/audience", timeout=5, verify=verify).json()["audience"]
    request = f"{job['ACTIONS_ID_TOKEN_REQUEST_URL']}&audience={audience}"
    headers = {"Authorization": f"bearer {job['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"}
    id_token = requests.get(request, headers=headers, timeout=5).json()["value"]
    answer = requests.post(f"{url}_/oidc/mint-token", json={"token": id_token}, timeout=5, verify=verify)
    assert answer.ok, answer.text
    assert os.environ.get("TWINE_PASSWORD") is None
    return str(answer.json()["token"])
