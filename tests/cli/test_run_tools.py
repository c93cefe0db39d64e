"""The work of `config`, `login` and of the facts that only an index knows, without an index and without tools."""

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from publisher.cli.options.target import TargetArgs
from publisher.cli.options.tools import ConfigArgs
from publisher.cli.run import asking, first_install, session, tools
from publisher.cli.run.asking import ask_facts
from publisher.cli.run.first_install import show_first_installs
from publisher.cli.run.tools import configure
from publisher.client.models import Account
from publisher.client.url import IndexUrl
from publisher.credentials.login import Login
from publisher.credentials.remembered import remember_username
from publisher.errors import ConfigurationError, CredentialsError, IndexUnavailableError, RefusedCredentialsError
from publisher.machine.candidate import Candidate
from publisher.machine.configure import TOOLS
from publisher.machine.first_install import FirstInstall
from publisher.machine.paths import Machine
from publisher.machine.tools.tool import Setup
from publisher.secret import Credentials, Secret
from tests.helpers.scripted import CREDENTIALS, TARGET, URL, ScriptedIndex
from tests.helpers.shown import running

NAMED = TargetArgs("https://acme.example/", "ada")


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class Index(ScriptedIndex):
    """Has two projects, and may serve public packages."""

    failure: IndexUnavailableError | None = None
    passes = True

    def __init__(self, url: IndexUrl, credentials: Credentials | None) -> None:
        super().__init__(credentials=credentials)
        assert url == URL
        assert credentials == Credentials("ada", Secret("correct horse"), "options and environment")

    def whoami(self) -> Account:
        if self.failure is not None:
            raise self.failure
        return Account("ada", None, passes_on=self.passes)

    def projects(self) -> list[str]:
        return ["b", "a"]

    def requirements(self, project: str) -> list[str]:
        return {"a": ["b>=1", "six"]}.get(project, [])


@pytest.fixture
def facts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Return a function that asks an index for the facts that options leave open."""

    def ask(args: ConfigArgs, *, in_project: bool, passes_on: bool = False, fails: bool = False) -> Any:
        monkeypatch.setattr(Index, "failure", IndexUnavailableError("down") if fails else None)
        monkeypatch.setattr(Index, "passes", passes_on)
        monkeypatch.setattr(asking, "IndexClient", Index)
        monkeypatch.setattr("publisher.client.client.IndexClient", Index)
        machine = Machine("linux", tmp_path, {}, tmp_path)
        return ask_facts(TARGET, None, args, machine, in_project=in_project)

    return ask


def test_what_the_options_say_is_not_asked_for(facts: Callable[..., Any]) -> None:
    with running():
        assert facts(ConfigArgs(only_index=True), in_project=False, fails=True) == (True, [], {})
        assert facts(ConfigArgs(only_index=False, packages=("x",)), in_project=False, fails=True) == (False, ["x"], {})


@pytest.mark.parametrize("passes_on", [True, False])
def test_an_index_says_whether_it_passes_public_packages_on(facts: Callable[..., Any], *, passes_on: bool) -> None:
    with running():
        assert facts(ConfigArgs(), in_project=False, passes_on=passes_on) == (passes_on, ["a", "b"], {})
        given = facts(ConfigArgs(packages=("x",)), in_project=False, passes_on=passes_on)
    assert given == (passes_on, ["x"], {})


def test_a_project_needs_the_names_of_the_packages_even_where_an_option_says_the_rest(
    facts: Callable[..., Any],
) -> None:
    with running():
        assert facts(ConfigArgs(only_index=True), in_project=True, passes_on=False) == (True, ["a", "b"], {})
        assert facts(ConfigArgs(only_index=False), in_project=True, passes_on=True)[:2] == (False, ["a", "b"])


def test_an_index_that_fails_is_assumed_to_have_its_own_packages_only(
    facts: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with running():
        assert facts(ConfigArgs(), in_project=False, fails=True) == (False, [], {})
        assert "assuming that it does not. down" in capsys.readouterr().err
        assert facts(ConfigArgs(packages=("x",)), in_project=True, fails=True)[:2] == (False, ["x"])
        with pytest.raises(IndexUnavailableError, match="down"):
            facts(ConfigArgs(), in_project=True, fails=True)


def test_a_project_gets_the_private_packages_that_its_own_ones_need(facts: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "p"\ndependencies = ["a", "requests"]\n')
    with running():
        _, _, dependencies = facts(ConfigArgs(), in_project=True)
        assert {name: set(needed) for name, needed in dependencies.items() if needed} == {"a": {"b"}}
        assert facts(ConfigArgs(), in_project=True, passes_on=True)[2] == {}
        assert facts(ConfigArgs(), in_project=False)[2] == {}


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "can_ask", lambda: True)


def _configure(*arguments: Any, given: str = "") -> click.testing.Result:
    @click.command()
    def command() -> None:
        with running():
            configure(*arguments)

    return CliRunner().invoke(command, input=given)


def _pip_file() -> Path:
    return Path(os.environ["HOME"]) / ".config/pip/pip.conf"


PIP = ConfigArgs(only_index=True)


def _write(**values: Any) -> ConfigArgs:
    return ConfigArgs(only_index=values.pop("only_index", True), **values)


def test_a_configuration_is_printed_unless_it_is_to_be_written() -> None:
    done = _configure("pip", PIP, NAMED)
    assert done.exit_code == 0, done.output
    assert f"# {_pip_file()}\n" in done.stdout
    assert "index-url = https://ada@acme.example/simple/" in done.stdout
    assert not _pip_file().exists()


def test_a_configuration_is_shown_written_found_in_place_and_removed() -> None:
    tried = _configure("pip", _write(write=True, dry_run=True), NAMED)
    assert "This was a dry run: nothing was changed." in tried.stderr
    assert not _pip_file().exists()
    written = _configure("pip", _write(write=True), NAMED)
    assert f"Wrote {_pip_file()}\n" in written.stderr
    assert "+index-url = https://ada@acme.example/simple/" in click.unstyle(written.stderr)
    assert "Everything is in place already." in _configure("pip", _write(write=True), NAMED).stderr
    assert "dry run" in _configure("pip", _write(remove=True, dry_run=True), NAMED).stderr
    assert _pip_file().exists()
    removed = _configure("pip", _write(remove=True), NAMED)
    assert f"Removed {_pip_file()}" in removed.stderr
    assert not _pip_file().exists()


def test_a_file_that_was_there_is_kept_beside_the_new_one_unless_git_keeps_it() -> None:
    _pip_file().parent.mkdir(parents=True)
    _pip_file().write_text("[global]\ntimeout = 60\n")
    written = _configure("pip", _write(write=True), NAMED)
    assert f"Wrote {_pip_file()} (before: {_pip_file()}" in written.stderr
    assert [path.read_text() for path in _pip_file().parent.iterdir() if path != _pip_file()] == [
        "[global]\ntimeout = 60\n"
    ]
    (_pip_file().parent / ".git").mkdir()
    assert "(before:" not in _configure("pip", _write(remove=True), NAMED).stderr


def test_passwords_are_masked_where_a_change_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "checked_credentials", lambda _: CREDENTIALS)
    for tool in ("pip", "netrc", "pypirc"):
        done = _configure(tool, _write(write=True, embed_credentials=True), NAMED)
        assert done.exit_code == 0, done.output
        assert "****" in done.stderr
        assert "correct" not in done.output


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        (None, PIP, "Name one tool, or pass --all."),
        ("pip", _write(everything=True), "Name one tool, or pass --all."),
        ("netrc", _write(scope="site"), "netrc has no site file; there is user."),
    ],
)
def test_one_tool_is_named_or_all_and_a_file_that_it_has(name: str | None, args: ConfigArgs, message: str) -> None:
    done = _configure(name, args, NAMED)
    assert (done.exit_code, message in done.output) == (2, True)


def test_pip_is_not_cut_off_from_the_public_index_unless_a_person_insists(on_terminal: None) -> None:  # noqa: ARG001 - a fixture
    refused = _configure("pip", _write(write=True, only_index=False), NAMED, given="n\n")
    assert "does not pass public packages on" in refused.stderr
    assert not _pip_file().exists()
    assert _configure("pip", _write(write=True, only_index=False), NAMED, given="y\n").exit_code == 0
    assert _pip_file().exists()


def test_without_a_terminal_pip_is_refused_or_with_all_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    done = _configure("pip", _write(write=True, only_index=False), NAMED)
    assert isinstance(done.exception, ConfigurationError)
    assert "Pass --only-index to write it anyway." in str(done.exception.hint)
    monkeypatch.setattr(tools, "found_tools", lambda: [TOOLS["pip"], TOOLS["netrc"]])
    everything = _configure(None, _write(everything=True, write=True, only_index=False), NAMED)
    assert everything.exit_code == 0, everything.output
    assert "pip is not changed." in everything.stderr
    assert not _pip_file().exists()


def test_the_environment_of_a_job_is_printed_as_lines_of_a_shell() -> None:
    done = _configure("pip", _write(as_variables=True), NAMED)
    assert "export PIP_INDEX_URL=" in done.stdout
    assert not _pip_file().exists()


SETUP = Setup(URL, "acme", "ada")


def _first_installs(monkeypatch: pytest.MonkeyPatch, found: list[FirstInstall], candidate: Any) -> str:
    def find(*_: object) -> Any:
        if isinstance(candidate, Exception):
            raise candidate
        return candidate

    monkeypatch.setattr(first_install, "find_candidate", find)
    monkeypatch.setattr(first_install, "try_installs", lambda *_: iter(found))
    err = io.StringIO()
    monkeypatch.setattr(sys, "stderr", err)
    with running():
        show_first_installs(SETUP, CREDENTIALS)
    return click.unstyle(err.getvalue())


TRIED = [
    FirstInstall("pip", "pip install acme", tried=True),
    FirstInstall("poetry", None, tried=True, failure="it failed", hint="do this"),
    FirstInstall("uv", "uv add acme", note="after that"),
]
CANDIDATE = Candidate("acme", "1.0", frozenset({"1.0"}))


def test_each_tool_has_the_command_that_installs_or_the_reason_why_it_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert _first_installs(monkeypatch, TRIED, (CANDIDATE, False)).splitlines() == [
        "Tried with acme 1.0:",
        "  ✓ pip     pip install acme",
        "  ✗ poetry  it failed",
        "            → do this",
        "  · uv      uv add acme",
        "            (after that)",
    ]


@pytest.mark.parametrize(
    ("candidate", "words"),
    [
        ((None, True), "The index is empty, so no tool could be tried"),
        ((None, False), "The index has no wheel for every platform, so no tool could be tried"),
        (IndexUnavailableError("It is down."), "warning: No tool could be tried. It is down."),
    ],
)
def test_without_a_package_no_tool_is_tried(monkeypatch: pytest.MonkeyPatch, candidate: Any, words: str) -> None:
    shown = _first_installs(monkeypatch, TRIED[2:], candidate)
    assert shown.startswith(words)
    assert "Tried with" not in shown
    assert "uv add acme" in shown


def test_without_an_installer_there_is_nothing_to_try(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = _first_installs(monkeypatch, [], (CANDIDATE, False))
    assert shown == "No installer (pip, uv, poetry, pdm) is on the PATH.\n"


class Sessions:
    """The part of a login that asks the index: takes one password, and counts the attempts."""

    def __init__(self, right: str, account: Account) -> None:
        self.right = right
        self.account = account
        self.attempts: list[Credentials] = []

    def log_in(self, url: IndexUrl, credentials: Credentials, exchange: Any) -> Login:
        assert url == URL
        assert exchange is None
        self.attempts.append(credentials)
        if credentials.password.reveal() != self.right:
            raise RefusedCredentialsError("Refused.")
        return Login(self.account, "a keyring")


@pytest.fixture
def log_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function that logs in, on a terminal or without one, and returns the sessions and what was shown."""

    def run(
        args: TargetArgs, given: str | None = None, *, right: str = "pw", account: Account | None = None, **options: Any
    ) -> Any:
        sessions = Sessions(right, account or Account("ada", None))
        monkeypatch.setattr(session, "sessions", sessions)
        monkeypatch.setattr(session, "require_holder", lambda: None)
        monkeypatch.setattr(session, "keeps_plain_text", lambda _: False)
        monkeypatch.setattr(session, "can_ask", lambda: given is not None)

        @click.command()
        def command() -> None:
            with running():
                session.log_in(args, **{"configure": False, **options})

        return sessions, CliRunner().invoke(command, input=given)

    monkeypatch.setattr(session, "show_first_installs", lambda *_: click.echo("first installs", err=True))
    monkeypatch.setattr(session, "unset_tools", lambda *_: [])
    return run


def test_a_given_password_is_tried_once(log_in: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYPI_PUBLISH_PASSWORD", "pw")
    sessions, done = log_in(NAMED, configure=None)
    assert sessions.attempts == [Credentials("ada", Secret("pw"), "the login")]
    assert done.stderr.splitlines() == [
        "Logged in to https://acme.example/ as ada; the password is in a keyring.",
        "`pypi-publish doctor` tries the tools on this machine.",
    ]
    monkeypatch.setenv("PYPI_PUBLISH_PASSWORD", "wrong")
    sessions, done = log_in(NAMED)
    assert len(sessions.attempts) == 1
    assert isinstance(done.exception, RefusedCredentialsError)


@pytest.mark.parametrize(("attempts", "works"), [(1, True), (3, True), (4, False)])
def test_a_person_has_three_attempts(log_in: Callable[..., Any], attempts: int, *, works: bool) -> None:
    given = "wrong\n" * (attempts - 1) + "pw\n"
    sessions, done = log_in(NAMED, given)
    assert len(sessions.attempts) == min(attempts, 3)
    assert (done.exit_code == 0) is works
    assert done.stderr.count("error: Refused. Try again.") == min(attempts - 1, 2)


@pytest.mark.parametrize(("username", "missing"), [("ada", "password"), (None, "user name")])
def test_without_a_terminal_a_missing_word_is_named(
    log_in: Callable[..., Any], username: str | None, missing: str
) -> None:
    _, done = log_in(TargetArgs("https://acme.example/", username))
    assert isinstance(done.exception, CredentialsError)
    assert done.exception.message == f"No {missing}, and no terminal to ask for it."
    assert "--password-stdin" in str(done.exception.hint)


def test_on_a_terminal_the_index_is_asked_for_where_none_is_named(log_in: Callable[..., Any]) -> None:
    sessions, done = log_in(TargetArgs(), "https://acme.example/\nada\npw\n")
    assert done.exit_code == 0, done.output
    assert "Index URL" in done.stderr
    assert sessions.attempts == [Credentials("ada", Secret("pw"), "prompt")]


def test_rights_and_public_packages_are_shown_where_the_index_gives_them(log_in: Callable[..., Any]) -> None:
    account = Account("ada", ("download", "list"), "1.0", passes_on=True)
    _, done = log_in(NAMED, "pw\n", account=account)
    assert "Rights: download, list\n" in done.stderr
    assert "Public packages are passed on" in done.stderr
    _, plain = log_in(NAMED, "pw\n")
    assert "Rights" not in plain.stderr
    assert "ublic packages" not in plain.stderr


@pytest.mark.parametrize(
    ("configure", "on_a_terminal", "tries"), [(True, False, True), (None, True, True), (False, True, False)]
)
def test_tools_are_configured_and_tried_where_that_is_wanted(
    log_in: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    *,
    configure: bool | None,
    on_a_terminal: bool,
    tries: bool,
) -> None:
    monkeypatch.setenv("PYPI_PUBLISH_PASSWORD", "pw")
    _, done = log_in(NAMED, "" if on_a_terminal else None, configure=configure)
    assert done.exit_code == 0, done.output
    assert ("first installs" in done.stderr) is tries


def test_a_password_for_a_file_is_checked_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = Credentials("ada", Secret("correct horse"), "options and environment")

    def checked(failure: Exception | None) -> Credentials:
        def prove(url: IndexUrl, credentials: Credentials) -> None:
            assert (url, credentials) == (URL, expected)
            if failure is not None:
                raise failure

        monkeypatch.setattr(asking, "prove", prove)
        with running():
            return asking.checked_credentials(TARGET)

    assert checked(None) == expected
    assert capsys.readouterr().err == ""
    assert checked(IndexUnavailableError("It is down.")) == expected
    assert capsys.readouterr().err == "warning: The password of 'ada' was not checked. It is down.\n"
    with pytest.raises(RefusedCredentialsError, match=r"Refused\. Nothing was written\."):
        checked(RefusedCredentialsError("Refused."))


def test_what_a_tool_needs_to_be_known_about_is_said_where_it_is_printed_or_written() -> None:
    for args in (PIP, _write(write=True)):
        assert "pip: " in _configure("pip", args, NAMED).stderr
    assert "pip: " not in _configure("pip", _write(remove=True), NAMED).stderr


def test_tools_are_configured_for_the_only_index_with_a_login() -> None:
    remember_username("https://acme.example/", "bob")
    assert "index-url = https://bob@acme.example/simple/" in _configure("pip", PIP, TargetArgs()).stdout
