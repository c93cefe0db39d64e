"""A job's upload token: when it is requested, renewed and ended, and what an index says that has none."""

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import keyring
import pytest

from publisher.client import token_exchange
from publisher.client.url import IndexUrl, parse_index_url
from publisher.credentials import trusted
from publisher.credentials.chain import Target, find_credentials
from publisher.credentials.trusted import TrustedLogin, TrustedMode, token_variable
from publisher.errors import (
    CredentialsError,
    IndexUnavailableError,
    NoCredentialsError,
    NoPublisherError,
    NotOfferedError,
    TrustedPublishingError,
)
from publisher.secret import Credentials, Secret
from tests.helpers.answering import Answer, Request, answering, of_json
from tests.helpers.clock import set_monotonic


class Host:
    """An index with trusted publishing, and the runner that issues ID tokens, whose answers a test changes."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.bodies: list[object] = []
        self.tokens = 0
        self.answers: dict[str, Answer | None] = {}
        self.url = parse_index_url("https://pypi.acme.example/")

    def answer(self, request: Request) -> Answer | None:
        path = urlsplit(request.path).path
        self.asked.append(path)
        if request.body:
            self.bodies.append(json.loads(request.body))
        if path in self.answers:
            return self.answers[path]
        if path == "/_/oidc/audience":
            return of_json({"audience": self.url.audience})
        if path == "/_/oidc/mint-token":
            self.tokens += 1
            return of_json({"success": True, "token": f"upload-{self.tokens}"})
        if path == "/runner":
            assert request.headers["Authorization"] == "Bearer runner-secret"
            return of_json({"value": f"id-for-{parse_qs(urlsplit(request.path).query)['audience'][0]}"})
        return of_json({"message": "Accepted"}, 202)

    @property
    def job(self) -> dict[str, str]:
        """The variables of a job in GitHub Actions that may request ID tokens."""
        return {
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url.root}runner?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "runner-secret",
        }


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setenv("NO_PROXY", "*")
    found = Host()
    with answering(found.answer) as url:
        found.url = parse_index_url(url)
        yield found


class Job:
    """A job's login, with everything that it hid and said."""

    def __init__(self, environment: Mapping[str, str], mode: TrustedMode = TrustedMode.AUTO) -> None:
        self.hidden: list[str] = []
        self.said: list[str] = []
        self.login = TrustedLogin(
            mode, environment, lambda secret: self.hidden.append(secret.reveal()), self.said.append
        )

    def token(self, url: IndexUrl) -> str | None:
        found = self.login.find(url)
        return None if found is None else found.password.reveal()


def test_a_job_exchanges_its_id_token_for_one_of_the_index(host: Host) -> None:
    job = Job(host.job)
    found = job.login.find(host.url)
    assert found == Credentials("__token__", Secret("upload-1"), "trusted publishing")
    assert host.asked == ["/_/oidc/audience", "/runner", "/_/oidc/mint-token"]
    assert host.bodies == [{"token": f"id-for-{host.url.audience}"}]
    assert job.hidden == [f"id-for-{host.url.audience}", "upload-1"], "each before anything else is done with it"
    assert (job.said, job.login.reason) == ([], None)


def test_a_token_is_requested_once_and_again_after_eight_minutes(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    set_monotonic(monkeypatch, lambda: now, trusted)
    job = Job(host.job)
    assert [job.token(host.url) for _ in range(3)] == ["upload-1"] * 3
    now += 480.0
    assert (job.login.is_old, job.token(host.url)) == (False, "upload-1")
    now += 0.1
    assert job.login.is_old
    assert job.token(host.url) == "upload-2"
    assert host.bodies[1] == {"token": "upload-1"}, "the old one is ended first"
    assert host.asked[3] == "/_/oidc/burn-token"
    assert not job.login.is_old


def test_an_ended_token_is_not_used_again(host: Host) -> None:
    job = Job(host.job)
    job.login.burn()  # there is none yet
    assert host.asked == []
    assert job.token(host.url) == "upload-1"
    job.login.burn()
    job.login.burn()
    assert host.asked.count("/_/oidc/burn-token") == 1
    assert host.bodies[-1] == {"token": "upload-1"}
    assert job.token(host.url) == "upload-2"


@pytest.mark.parametrize("answer", [Answer(503), Answer(404), None], ids=["503", "404", "no answer"])
def test_a_token_that_cannot_be_ended_is_reported_and_no_failure(host: Host, answer: Answer | None) -> None:
    host.answers["/_/oidc/burn-token"] = answer
    job = Job(host.job)
    job.token(host.url)
    job.login.burn()
    assert len(job.said) == 1
    assert "It ends by itself within 15 minutes." in job.said[0]
    assert "upload-1" not in job.said[0]


PAGE = Answer(200, b"<!doctype html><title>Acme</title>", {"Content-Type": "text/html; charset=utf-8"})
NOT_OFFERED = {"401": Answer(401), "403": Answer(403), "404": Answer(404), "405": Answer(405), "a page": PAGE}


@pytest.mark.parametrize("answer", NOT_OFFERED.values(), ids=NOT_OFFERED)
def test_an_index_without_trusted_publishing_leaves_it_to_other_credentials(host: Host, answer: Answer) -> None:
    host.answers["/_/oidc/audience"] = answer
    job = Job(host.job)
    assert (job.token(host.url), job.token(host.url)) == (None, None)
    assert host.asked == ["/_/oidc/audience"], "it is asked once"
    line = f"No trusted publishing: {host.url} has no trusted publishing. Looking for other credentials."
    assert job.said == [line]
    assert (job.login.reason, job.login.explains) == (f"{host.url} has no trusted publishing.", True)
    with pytest.raises(NotOfferedError):
        Job(host.job, TrustedMode.ALWAYS).login.find(host.url)


def test_a_job_without_a_publisher_gets_the_command_that_registers_it(host: Host) -> None:
    refusal = {"errors": [{"code": "invalid-publisher", "description": "No publisher\x1b[31m matches."}]}
    host.answers["/_/oidc/mint-token"] = of_json(refusal, 422)
    job = Job(host.job)
    assert job.token(host.url) is None
    assert job.login.reason is not None
    assert "No publisher" in job.login.reason
    assert "\x1b" not in job.login.reason + job.said[0]
    assert "pypi-publish trust add oidc" in job.login.reason
    with pytest.raises(NoPublisherError) as caught:
        Job(host.job, TrustedMode.ALWAYS).login.find(host.url)
    assert "trust add" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"GITHUB_REPOSITORY": "acme/widgets"}, "github acme/widgets --workflow FILE.yml"),
        (
            {
                "GITHUB_REPOSITORY": "acme/widgets",
                "GITHUB_WORKFLOW_REF": "acme/widgets/.github/workflows/release.yml@refs/tags/v1",
                "GITHUB_REPOSITORY_ID": "7",
                "GITHUB_REPOSITORY_OWNER_ID": "8",
            },
            "github acme/widgets --workflow release.yml --project NAME --environment ENVIRONMENT --repository-id 7 --o",
        ),
        ({"CI_PROJECT_PATH": "acme/widgets"}, "gitlab acme/widgets --project NAME --environment ENVIRONMENT`"),
        ({}, "oidc --issuer URL --claim sub=PATTERN --project NAME`"),
    ],
)
def test_the_command_that_registers_a_job_knows_the_job(host: Host, environment: dict[str, str], words: str) -> None:
    refusal = {"errors": [{"code": "invalid-pending-publisher", "description": "It exists."}]}
    host.answers["/_/oidc/mint-token"] = of_json(refusal, 422)
    job = Job({**host.job, **environment})
    assert job.token(host.url) is None
    assert f"`pypi-publish trust add {words}" in str(job.login.reason)


@pytest.mark.parametrize("mode", [TrustedMode.AUTO, TrustedMode.ALWAYS])
@pytest.mark.parametrize(
    ("path", "answer", "kind"),
    [
        ("/_/oidc/audience", of_json({"audience": "pypi"}), TrustedPublishingError),
        ("/_/oidc/audience", of_json({}), TrustedPublishingError),
        ("/_/oidc/audience", of_json([]), IndexUnavailableError),
        ("/_/oidc/audience", Answer(400), IndexUnavailableError),
        ("/_/oidc/audience", None, IndexUnavailableError),
        ("/runner", Answer(400), TrustedPublishingError),
        ("/runner", of_json({"value": 3}), TrustedPublishingError),
        ("/runner", of_json([]), TrustedPublishingError),
        ("/_/oidc/mint-token", of_json({"errors": [{"code": "invalid-token"}]}, 422), TrustedPublishingError),
        ("/_/oidc/mint-token", of_json({"errors": "x"}, 422), TrustedPublishingError),
        ("/_/oidc/mint-token", of_json({"errors": [{"code": "issuer-unavailable"}]}, 400), IndexUnavailableError),
        ("/_/oidc/mint-token", of_json({"token": ""}), IndexUnavailableError),
        ("/_/oidc/mint-token", of_json({"token": 3}), IndexUnavailableError),
        ("/_/oidc/mint-token", of_json("token"), IndexUnavailableError),
    ],
)
def test_every_other_failure_stops_the_job(
    host: Host, mode: TrustedMode, path: str, answer: Answer | None, kind: type[Exception]
) -> None:
    """Going on to other credentials would hide that an index is misconfigured, or not the one that it seems to be."""
    host.answers[path] = answer
    job = Job(host.job, mode)
    with pytest.raises(kind):
        job.login.find(host.url)
    assert job.said == []
    if path == "/_/oidc/audience":
        assert "/runner" not in host.asked, "no token is requested for it"
    if path != "/_/oidc/mint-token":
        assert "/_/oidc/mint-token" not in host.asked


@pytest.mark.parametrize("lacks", ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"])
def test_a_job_that_may_not_request_tokens_gets_the_lines_to_add(host: Host, lacks: str) -> None:
    environment = {name: value for name, value in host.job.items() if name != lacks}
    job = Job(environment)
    assert job.token(host.url) is None
    assert "    permissions:\n      contents: read\n      id-token: write" in str(job.login.reason)
    assert (host.asked, job.said, job.login.explains) == ([], [], True)
    with pytest.raises(TrustedPublishingError, match="is required"):
        Job(environment, TrustedMode.ALWAYS).login.find(host.url)


def test_a_job_of_gitlab_gets_the_lines_to_add(host: Host) -> None:
    job = Job({"GITLAB_CI": "true", "CI": "true"})
    assert job.token(host.url) is None
    variable = token_variable(host.url.audience)
    assert f"  id_tokens:\n    {variable}:\n      aud: {host.url.audience}" in str(job.login.reason)
    assert job.login.explains


def test_outside_of_ci_nothing_is_said_of_it(host: Host) -> None:
    job = Job({})
    assert job.token(host.url) is None
    assert (job.login.explains, host.asked) == (False, [])
    with pytest.raises(NoCredentialsError) as caught:
        find_credentials(Target(host.url, trusted=job.login))
    assert "ID token" not in caught.value.message
    with pytest.raises(TrustedPublishingError, match="not a GitHub Actions job"):
        Job({}, TrustedMode.ALWAYS).login.find(host.url)


@pytest.mark.parametrize(
    ("audience", "variable"),
    [
        ("pypi.acme.example", "PYPI_ACME_EXAMPLE_ID_TOKEN"),
        ("pypi-2.acme.example:8443", "PYPI_2_ACME_EXAMPLE_8443_ID_TOKEN"),
        ("[::1]:80", "___1__80_ID_TOKEN"),
    ],
)
def test_the_variable_of_an_id_token_is_named_after_the_audience(audience: str, variable: str) -> None:
    assert token_variable(audience) == variable


def test_a_token_in_a_variable_is_taken_without_a_request(host: Host) -> None:
    job = Job({**host.job, token_variable(host.url.audience): "given"})
    assert job.token(host.url) == "upload-1"
    assert host.asked == ["/_/oidc/audience", "/_/oidc/mint-token"]
    assert job.hidden == ["given", "upload-1"]


def test_a_tokens_place_is_the_root_of_the_host(host: Host) -> None:
    below = parse_index_url(f"{host.url.root}team/index/")
    assert Job(host.job).token(below) == "upload-1"
    assert host.asked == ["/_/oidc/audience", "/runner", "/_/oidc/mint-token"]


# the order of the places


@pytest.mark.usefixtures("keyring_file")
def test_given_credentials_come_first_and_the_job_before_keyring_and_netrc(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login eve password from-netrc\n")
    monkeypatch.setenv("NETRC", str(netrc))
    keyring.set_password(host.url.root, "ada", "from-keyring")

    def find(environment: Mapping[str, str], **given: object) -> tuple[str, str, str]:
        login = Job(environment, TrustedMode(str(given.pop("mode", "auto")))).login
        found = find_credentials(Target(host.url, trusted=login, **given))  # type: ignore[arg-type]
        return found.username, found.password.reveal(), found.source

    given = ("kim", "given", "options and environment")
    assert find(host.job, username="kim", password=Secret("given")) == given
    assert host.asked == [], "the index is not even asked"
    assert find(host.job) == ("__token__", "upload-1", "trusted publishing")
    assert find(host.job, username="ada") == ("__token__", "upload-2", "trusted publishing")
    assert find({}, username="ada") == ("ada", "from-keyring", "keyring")
    assert find({}, username="eve") == ("eve", "from-netrc", "netrc")
    always = find(host.job, username="kim", password=Secret("given"), mode="always")
    assert always == ("__token__", "upload-3", "trusted publishing")
    host.answers["/_/oidc/audience"] = Answer(404)
    assert find(host.job, username="ada") == ("ada", "from-keyring", "keyring")
    with pytest.raises(NoCredentialsError) as caught:
        find(host.job, username="kim")
    assert "has no trusted publishing" in caught.value.message


def test_a_password_without_a_name_is_reported_before_anything_is_asked(host: Host) -> None:
    with pytest.raises(CredentialsError, match="no user name"):
        find_credentials(Target(host.url, password=Secret("x"), trusted=Job(host.job).login))
    assert host.asked == []


def test_the_end_of_a_run_waits_only_briefly_for_a_token_that_is_still_requested(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trusted, "_BURNED_WITHIN", 0.05)
    is_asked, is_over = threading.Event(), threading.Event()
    job = Job(host.job)

    def mint(url: IndexUrl, id_token: Secret) -> Secret:
        is_asked.set()
        is_over.wait(20)
        return Secret(f"{url}{id_token}")

    monkeypatch.setattr(token_exchange, "exchange", mint)
    thread = threading.Thread(target=job.token, args=[host.url])
    thread.start()
    assert is_asked.wait(20)
    job.login.burn()
    assert not is_over.is_set()
    is_over.set()
    thread.join(20)
    assert "/_/oidc/burn-token" not in host.asked
    job.login.burn()
    assert "/_/oidc/burn-token" in host.asked
