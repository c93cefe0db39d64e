"""The checks of credentials, with places and an index of the test's own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from publisher import __version__
from publisher.client.models import Account
from publisher.client.url import IndexUrl, parse_index_url
from publisher.credentials.chain import Target
from publisher.credentials.remembered import remember_username
from publisher.errors import CredentialsError, IndexUnavailableError, PublishError
from publisher.machine.doctor import credentials
from publisher.machine.doctor.credentials import Accepted, check_credentials
from publisher.machine.doctor.index import Reached
from publisher.secret import Credentials, Secret
from tests.helpers.findings import run_check

URL = parse_index_url("https://acme.example/")
ANSWERS, OPEN, SILENT = Reached(answers=True), Reached(answers=True, is_open=True), Reached(answers=False)
TARGET = Target(URL)
ADA = Account("ada", ("download", "list", "update"), __version__, passes_on=True)

Place = Callable[[IndexUrl, str | None], Credentials | None]
Finding = tuple[str, str, str]


def _kept(username: str, password: str, source: str) -> Credentials:
    return Credentials(username, Secret(password), source)


class Index:
    """An index that accepts one password of each user, with the keyring and the netrc file that are searched."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.keyring: Credentials | PublishError | None = None
        self.netrc: Credentials | PublishError | None = None
        self.accounts: dict[tuple[str, str], Account | PublishError] = {("ada", "good"): ADA}
        self.searched: list[tuple[str, str | None]] = []
        monkeypatch.setattr(credentials, "in_keyring", self._place("keyring"))
        monkeypatch.setattr(credentials, "in_netrc", self._place("netrc"))
        monkeypatch.setattr(credentials, "prove", self._prove)

    def _place(self, name: str) -> Place:
        def search(url: IndexUrl, username: str | None) -> Credentials | None:
            assert url == URL
            self.searched.append((name, username))
            found: Credentials | PublishError | None = getattr(self, name)
            if isinstance(found, PublishError):
                raise found
            return found

        return search

    def _prove(self, url: IndexUrl, given: Credentials) -> Account:
        assert url == URL
        found = self.accounts.get((given.username, given.password.reveal()))
        if isinstance(found, PublishError):
            raise found
        if found is None:
            raise CredentialsError("The index refuses them.", hint="Log in.")
        return found


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Index:
    return Index(monkeypatch)


def _check(target: Target = TARGET, reached: Reached = ANSWERS) -> tuple[list[Finding], Accepted | None]:
    found, accepted = run_check(check_credentials(target, reached))
    assert all(finding.remedy for finding in found if finding.verdict.value in {"warning", "problem"})
    return [(finding.check, finding.verdict.value, finding.what) for finding in found], accepted


def test_the_password_of_keyring_is_used_before_the_one_of_netrc(index: Index) -> None:
    index.keyring, index.netrc = _kept("ada", "good", "keyring"), _kept("ada", "good", "netrc")
    found, accepted = _check()
    assert accepted == Accepted(index.keyring, ADA)
    assert found == [
        ("accepted", "ok", "The index accepts ada, with the password from keyring."),
        ("rights", "ok", "ada may download, list, update: install and publish."),
        ("public-packages", "ok", ADA.public_packages),
        ("agree", "ok", "Netrc has the same."),
    ]
    assert index.searched == [("keyring", None), ("netrc", None)]


def test_options_and_environment_come_first(index: Index) -> None:
    index.keyring = _kept("ada", "old", "keyring")
    found, accepted = _check(Target(URL, "ada", Secret("good")))
    assert accepted is not None
    assert accepted.credentials == _kept("ada", "good", "options and environment")
    assert found[-1] == ("agree", "warning", "Keyring has a password of ada that the index refuses.")
    assert index.searched == [("keyring", "ada"), ("netrc", "ada")]


def test_name_and_password_of_the_url_count_behind_options(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "in_keyring", lambda _url, name: index.searched.append(("keyring", name)))
    monkeypatch.setattr(credentials, "in_netrc", lambda _url, _name: None)
    monkeypatch.setattr(credentials, "prove", lambda _url, given: ADA._replace(username=given.username))
    url = parse_index_url("https://bob:good@acme.example/")
    _, accepted = _check(Target(url))
    assert accepted is not None
    assert (accepted.credentials.username, accepted.credentials.password.reveal()) == ("bob", "good")
    _, accepted = _check(Target(url, "ada", Secret("mine")))
    assert accepted is not None
    assert (accepted.credentials.username, accepted.credentials.password.reveal()) == ("ada", "mine")
    assert index.searched == [("keyring", "bob"), ("keyring", "ada")]


def test_a_password_without_a_name_is_a_problem_and_the_search_goes_on(index: Index) -> None:
    index.netrc = _kept("ada", "good", "netrc")
    found, accepted = _check(Target(URL, None, Secret("x")))
    assert found[0] == ("found", "problem", "PYPI_PUBLISH_PASSWORD is set, but no user name.")
    assert accepted is not None


def test_a_broken_place_is_a_problem_and_the_search_goes_on(index: Index) -> None:
    index.keyring, index.netrc = CredentialsError("It is locked.", hint="Unlock it."), _kept("ada", "good", "netrc")
    found, accepted = _check()
    assert found[0] == ("found", "problem", "It is locked.")
    assert accepted == Accepted(index.netrc, ADA)


def test_credentials_are_not_judged_without_an_answer(index: Index) -> None:
    index.keyring, index.netrc = _kept("ada", "good", "keyring"), _kept("bob", "x", "netrc")
    found, accepted = _check(reached=SILENT)
    assert accepted is None
    assert found == [
        (
            "accepted",
            "note",
            "ada has credentials in keyring and netrc; the index can't be reached to check them.",
        )
    ]


def test_refused_credentials_are_a_problem_and_others_are_still_compared(index: Index) -> None:
    index.keyring, index.netrc = _kept("ada", "old", "keyring"), _kept("ada", "good", "netrc")
    found, accepted = _check()
    assert accepted is None
    assert found == [
        ("accepted", "problem", "The index refuses them."),
        ("agree", "note", "Netrc has the account of ada, which also works."),
    ]


@pytest.mark.parametrize(
    ("netrc", "outcome", "expected"),
    [
        (("ada", "good"), None, ("agree", "ok", "Netrc has the same.")),
        (
            ("bob", "good"),
            ADA._replace(username="bob"),
            ("agree", "note", "Netrc has the account of bob, which also works."),
        ),
        (
            ("ada", "old"),
            None,
            (
                "agree",
                "warning",
                "Netrc has a password of ada that the index refuses. pip and uv look there first.",
            ),
        ),
        (("ada", "new"), IndexUnavailableError("It broke off.", hint="Again."), ("agree", "problem", "It broke off.")),
    ],
)
def test_another_place_is_compared(
    index: Index, netrc: tuple[str, str], outcome: Account | PublishError | None, expected: Finding
) -> None:
    index.keyring, index.netrc = _kept("ada", "good", "keyring"), _kept(*netrc, "netrc")
    if outcome is not None:
        index.accounts[netrc] = outcome
    found, accepted = _check()
    assert found[-1] == expected
    assert accepted is not None


def test_the_remedy_for_an_old_password_is_where_it_is(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    index.keyring, index.netrc = _kept("ada", "good", "keyring"), _kept("ada", "old", "netrc")
    monkeypatch.setattr(credentials, "netrc_file", lambda: None)
    found, _ = run_check(check_credentials(Target(URL), ANSWERS))
    assert str(found[-1].remedy).startswith("Remove the entry from ")
    index.keyring = _kept("ada", "old", "keyring")
    found, _ = run_check(check_credentials(Target(URL, "ada", Secret("good")), ANSWERS))
    assert next(finding.remedy for finding in found if finding.check == "agree") == (
        "Run `pypi-publish login` with the valid one."
    )


@pytest.mark.parametrize(
    ("rights", "level", "words"),
    [
        (("download", "list", "update"), "ok", "ada may download, list, update: install and publish."),
        (("download", "list"), "note", "ada may download, list: install, but not publish."),
        (("update", "list"), "problem", "ada may update, list, but not download, which installers need."),
        (("download",), "problem", "ada may download, but not list, which installers need."),
        ((), "problem", "ada may nothing, but not download or list, which installers need."),
        (None, None, None),
    ],
)
def test_rights_of_the_account(
    index: Index, rights: tuple[str, ...] | None, level: str | None, words: str | None
) -> None:
    index.keyring = _kept("ada", "good", "keyring")
    index.accounts["ada", "good"] = ADA._replace(rights=rights)
    found = [finding for finding in _check()[0] if finding[0] == "rights"]
    assert found == ([("rights", level, words)] if level else [])


@pytest.mark.parametrize(
    ("passes_on", "version", "level"),
    [(True, "1", "ok"), (True, None, "ok"), (False, "1", "note"), (False, None, None)],
)
def test_public_packages_of_the_index(index: Index, *, passes_on: bool, version: str | None, level: str | None) -> None:
    index.keyring = _kept("ada", "good", "keyring")
    index.accounts["ada", "good"] = ADA._replace(passes_on=passes_on, version=version)
    found = [(check, verdict) for check, verdict, _ in _check()[0] if check == "public-packages"]
    assert found == ([("public-packages", level)] if level else [])


@pytest.mark.parametrize(("version", "noted"), [(__version__, False), (None, False), ("0.0.1", True)])
def test_another_version_of_the_index_is_noted(index: Index, version: str | None, noted: object) -> None:
    index.keyring = _kept("ada", "good", "keyring")
    index.accounts["ada", "good"] = ADA._replace(version=version)
    found = [what for check, _, what in _check()[0] if check == "version"]
    assert bool(found) is noted
    assert all(f"runs pypi-publish 0.0.1; this is {__version__}" in what for what in found)


@pytest.mark.parametrize(
    ("reached", "username", "remembered", "expected"),
    [
        (OPEN, None, None, ("note", "No credentials; the index can be read without any.")),
        (ANSWERS, None, None, ("problem", "No credentials for https://acme.example/.")),
        (ANSWERS, "bob", "ada", ("problem", "No credentials for bob; the last login was ada.")),
        (ANSWERS, None, "ada", ("problem", "The last login was ada, but keyring no longer has the password.")),
        (ANSWERS, "ada", "ada", ("problem", "The last login was ada, but keyring no longer has the password.")),
        (SILENT, "bob", None, ("problem", "No credentials for https://acme.example/.")),
    ],
)
@pytest.mark.usefixtures("index")
def test_no_credentials_at_all(
    reached: Reached, username: str | None, remembered: str | None, expected: tuple[str, str]
) -> None:
    if remembered:
        remember_username(URL.root, remembered)
    found, accepted = _check(Target(URL, username), reached)
    assert accepted is None
    assert found == [("found", *expected)]


@pytest.mark.parametrize(
    ("mode", "warned"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True), (0o610, True), (0o700, False)]
)
@pytest.mark.usefixtures("index")
def test_a_netrc_file_that_others_can_read(
    mode: int, warned: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "netrc"
    path.write_text("")
    path.chmod(mode)
    monkeypatch.setenv("NETRC", str(path))
    found, _ = run_check(check_credentials(Target(URL), OPEN))
    warnings = [finding for finding in found if finding.check == "netrc-mode"]
    assert bool(warnings) is warned
    assert all(finding.remedy == f"chmod 600 {path}" for finding in warnings)
