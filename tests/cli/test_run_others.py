"""Publishing, releases, diagnoses and setting up, as a person sees them."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from publisher.cli.display.output import Output
from publisher.cli.options.target import TargetArgs
from publisher.cli.run import diagnosis, password, publishing, releases, repository, session
from publisher.client.models import Account
from publisher.client.url import parse_index_url
from publisher.credentials import login
from publisher.credentials.chain import Target
from publisher.credentials.password import PasswordChange
from publisher.credentials.remembered import remember_username
from publisher.errors import ConfigurationError, CredentialsError, StoppedError
from publisher.files.changes import FileChange
from publisher.machine.configure import TOOLS
from publisher.machine.diagnosis import Area, Diagnosis, DiagnosisLevel
from publisher.project.distributions import parse_filename
from publisher.publish import releases as index_releases
from publisher.publish.releases import Changed
from publisher.publish.report import FileReport, Release, Report, State
from publisher.secret import Secret
from tests.helpers.scripted import URL
from tests.helpers.shown import make_runner, outputs, running

NAMED = TargetArgs("https://acme.example/", "ada")


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _run(work: Callable[[], object], given: str | None = None, **settings: Any) -> click.testing.Result:
    @click.command()
    def command() -> None:
        with running(**settings):
            work()

    return CliRunner().invoke(command, input=given)


@pytest.fixture
def changes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Return the changes of releases that an index was asked for."""
    found: list[tuple[Any, ...]] = []
    for name in ("yank", "unyank", "delete"):

        def change(target: Target, *args: Any, _name: str = name) -> Changed:
            assert (target.url, target.username) == (URL, "ada")
            found.append((_name, *args))
            return Changed("done", ["f", "g"])

        monkeypatch.setattr(index_releases, name, change)
    return found


def test_changed_files_are_listed(changes: list[tuple[Any, ...]]) -> None:
    assert _run(lambda: releases.yank(NAMED, "a", "1", "why")).stderr == "done f\ndone g\n"
    assert _run(lambda: releases.unyank(NAMED, "a", "1"), verbosity=-1).output == ""
    assert changes == [("yank", "a", "1", "why"), ("unyank", "a", "1")]


def test_a_change_is_a_document_for_programs(changes: list[tuple[Any, ...]]) -> None:
    done = _run(lambda: releases.delete(NAMED, "a", "1", "f", confirmed=True), as_json=True)
    assert json.loads(done.stdout) == {"project": "a", "version": "1", "status": "done", "files": ["f", "g"]}
    assert changes == [("delete", "a", "1", "f")]


@pytest.mark.parametrize(
    ("filename", "answer", "deleted"),
    [("f", "y\n", True), (None, "y\n", True), ("f", "n\n", False), ("f", "\n", False)],
)
def test_a_deletion_is_asked_about(
    changes: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, filename: str | None, answer: str, *, deleted: bool
) -> None:
    monkeypatch.setattr(releases, "can_ask", lambda: True)
    done = _run(lambda: releases.delete(NAMED, "a", "1", filename, confirmed=False), answer)
    what = filename or "all files of a 1"
    assert f"Delete {what} from https://acme.example/ permanently?" in done.output
    assert "Deleted file names can't be published again." in done.output
    assert changes == ([("delete", "a", "1", filename)] if deleted else [])
    assert isinstance(done.exception, StoppedError) is not deleted


def test_without_a_terminal_a_deletion_needs_a_yes(changes: list[tuple[Any, ...]]) -> None:
    done = _run(lambda: releases.delete(NAMED, "a", "1", None, confirmed=False))
    assert (done.exit_code, "all files of a 1; add --yes" in done.output) == (2, True)
    assert changes == []


def test_lists_are_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_releases, "list_projects", lambda _: ["a", "b\x1b"])
    assert _run(lambda: releases.list_projects(NAMED)).stdout == "a\nb\\x1b\n"
    assert json.loads(_run(lambda: releases.list_projects(NAMED), as_json=True).stdout) == {"projects": ["a", "b\x1b"]}
    files = [{"filename": "f\x07", "yanked": False}, {"filename": "g", "yanked": True}]
    monkeypatch.setattr(index_releases, "list_files", lambda *_: files)
    assert _run(lambda: releases.list_files(NAMED, "a")).stdout == "f\\x07\ng  (yanked)\n"
    shown = json.loads(_run(lambda: releases.list_files(NAMED, "a"), as_json=True).stdout)
    assert shown == {"project": "a", "files": files}


FINDINGS = [
    Diagnosis(Area.INDEX, "reach", DiagnosisLevel.OK, "It answers."),
    Diagnosis(Area.INDEX, "lag", DiagnosisLevel.WARNING, "It is slow.", "Wait."),
    Diagnosis(Area.TOOLS, "pip-trial", DiagnosisLevel.NOTE, "pip was not tried."),
    Diagnosis(Area.CREDENTIALS, "password", DiagnosisLevel.PROBLEM, "It is wrong.", "Log in."),
    Diagnosis(Area.CREDENTIALS, "other", DiagnosisLevel.PROBLEM, "It is missing."),
]


def _diagnose(monkeypatch: pytest.MonkeyPatch, findings: list[Diagnosis], **settings: Any) -> click.testing.Result:
    given: list[tuple[Any, ...]] = []

    def examine(about: Any, _: object) -> Iterator[Diagnosis]:
        given.append((about.index_url, about.username, about.password))
        yield from findings

    monkeypatch.setattr(diagnosis, "examine", examine)
    args = TargetArgs("https://acme.example/", "ada", password=Secret("pw"))
    done = _run(lambda: diagnosis.diagnose(args), **settings)
    assert given == [("https://acme.example/", "ada", Secret("pw"))]
    return done


def test_findings_are_listed_by_area_and_the_gravest_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    done = _diagnose(monkeypatch, FINDINGS)
    assert done.exit_code == 4
    assert done.stderr.splitlines() == [
        "",
        "Index",
        "  ✓ It answers.",
        "  ! It is slow.",
        "    → Wait.",
        "",
        "Tools",
        "  · pip was not tried.",
        "",
        "Credentials",
        "  ✗ It is wrong.",
        "    → Log in.",
        "  ✗ It is missing.",
        "",
        "2 problems and 1 warning.",
    ]


@pytest.mark.parametrize(
    ("findings", "code", "words"),
    [
        (FINDINGS[:1], 0, "No problems found, but no tool was tried."),
        ([FINDINGS[0], FINDINGS[2]], 0, "All is well."),
        (FINDINGS[:2], 6, "1 warning."),
        ([FINDINGS[3]], 4, "1 problem."),
        ([], 0, "No problems found, but no tool was tried."),
    ],
)
def test_the_last_line_says_how_it_is(
    monkeypatch: pytest.MonkeyPatch, findings: list[Diagnosis], code: int, words: str
) -> None:
    done = _diagnose(monkeypatch, findings)
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (code, words)


def test_a_quiet_examination_shows_problems_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _diagnose(monkeypatch, FINDINGS[:1], verbosity=-1).output == ""
    shown = _diagnose(monkeypatch, FINDINGS, verbosity=-1).stderr
    assert "It answers" not in shown
    assert "It is slow" in shown


@pytest.mark.parametrize(("findings", "well"), [(FINDINGS, False), (FINDINGS[:1], True)])
def test_findings_are_a_document_for_programs(
    monkeypatch: pytest.MonkeyPatch, findings: list[Diagnosis], *, well: bool
) -> None:
    shown = json.loads(_diagnose(monkeypatch, findings, as_json=True).stdout)
    assert shown == {"well": well, "findings": [finding.as_json() for finding in findings]}


def test_on_a_terminal_the_next_finding_is_said_to_be_looked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(diagnosis, "can_rewrite_lines", lambda _: True)
    assert list(diagnosis._awaited(iter(FINDINGS[:2]), Output(runner=None))) == FINDINGS[:2]
    assert capsys.readouterr().err == "  … still looking\r" * 3
    assert list(diagnosis._awaited(iter(FINDINGS[:2]), Output(-1, runner=None))) == FINDINGS[:2]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("keyring", "place"), [("a keyring", "; the new one is in a keyring"), (None, "")])
def test_a_changed_password_is_said_to_be_where_it_is(
    monkeypatch: pytest.MonkeyPatch, keyring: str | None, place: str
) -> None:
    chosen: list[object] = []

    def change(target: Target, choose: Callable[[str], Secret], _: object, *, keep: bool) -> PasswordChange:
        chosen.extend([target.url, keep, choose("ada")])
        return PasswordChange("ada", keyring, ["~/.netrc"])

    monkeypatch.setattr(password, "change_password", change)
    done = _run(lambda: password.change_own_password(NAMED, new_from_stdin=True, keep=keyring is not None), "new\n")
    assert chosen == [URL, keyring is not None, Secret("new")]
    assert done.stderr.splitlines() == [
        f"The password of ada on https://acme.example/ is changed{place}.",
        "warning: The old password is still in ~/.netrc: put the new one there.",
    ]


def test_without_a_terminal_a_new_password_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password, "change_password", lambda _, choose, *__, **___: choose("ada"))
    done = _run(lambda: password.change_own_password(NAMED, new_from_stdin=False, keep=True))
    assert isinstance(done.exception, CredentialsError)
    assert "--new-password-stdin" in str(done.exception.hint)


ACCOUNT = Account("ada", ("download",), "1.0", passes_on=True, cooldown=86400.0)


def test_the_account_is_a_result_and_the_rest_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "who_am_i", lambda _: (ACCOUNT, "keyring"))
    done = _run(lambda: session.show_account(NAMED))
    assert done.stdout == "ada\n"
    assert done.stderr.splitlines() == [
        "Index:       https://acme.example/",
        "Rights:      download",
        "Credentials: from keyring",
        "Public packages are passed on once they are 1 day old, so this URL is the only one that installers need.",
    ]
    monkeypatch.setattr(login, "who_am_i", lambda _: (Account("ada", None), "netrc"))
    assert "ublic packages" not in _run(lambda: session.show_account(NAMED)).stderr


def test_the_account_is_a_document_for_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "who_am_i", lambda _: (ACCOUNT, "keyring"))
    assert json.loads(_run(lambda: session.show_account(NAMED), as_json=True).stdout) == {
        "username": "ada",
        "index-url": "https://acme.example/",
        "rights": ["download"],
        "grants": [],
        "source": "keyring",
        "passes-on": True,
        "cooldown": 86400.0,
    }


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/",
        "http://127.9.9.9/",
        "http://[::1]:1/",
        "http://0.0.0.0/",
        "http://localhost/",
        "http://a.localhost/",
    ],
)
def test_an_index_on_this_machine_is_not_reachable_for_github(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is this machine"):
        repository._reachable(parse_index_url(url))


@pytest.mark.parametrize(
    "url", ["https://acme.example/", "http://10.0.0.1/", "https://localhost.example/", "https://[2001:db8::1]/"]
)
def test_an_index_elsewhere_is_reachable_for_github(url: str) -> None:
    assert repository._reachable(parse_index_url(url)) == parse_index_url(url)


WORKFLOW = FileChange(Path("r/.github/workflows/publish.yml"), "mine", "new")
NEW_WORKFLOW = FileChange(Path("r/.github/workflows/publish.yml"), None, "new")
TABLE = FileChange(Path("r/pyproject.toml"), "a", "b")


@pytest.mark.parametrize(
    ("answers", "yes", "force", "agreed"),
    [
        ("y\ny\n", False, False, [WORKFLOW, TABLE]),
        ("\nn\n", False, False, [TABLE]),
        ("y\n\n", False, False, [TABLE]),
        (None, True, False, [TABLE]),
        (None, False, True, [WORKFLOW, TABLE]),
        (None, True, True, [WORKFLOW, TABLE]),
    ],
)
def test_a_workflow_that_differs_is_replaced_only_where_that_is_said(
    monkeypatch: pytest.MonkeyPatch, answers: str | None, agreed: list[FileChange], *, yes: bool, force: bool
) -> None:
    monkeypatch.setattr(repository, "can_ask", lambda: answers is not None)
    found: list[FileChange] = []
    done = _run(lambda: found.extend(repository._agreed([WORKFLOW, TABLE], yes=yes, force=force)), answers)
    assert done.exit_code == 0, done.output
    assert found == agreed
    assert ("differs and was not changed; pass --force" in done.stderr) is (WORKFLOW not in agreed)


def test_a_new_workflow_is_not_asked_about_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "can_ask", lambda: True)
    found: list[FileChange] = []
    done = _run(lambda: found.extend(repository._agreed([NEW_WORKFLOW], yes=False, force=False)), "\n")
    assert (found, "differs" in done.output) == ([NEW_WORKFLOW], False)
    refused = _run(lambda: repository._agreed([NEW_WORKFLOW], yes=False, force=False), "n\n")
    assert isinstance(refused.exception, StoppedError)
    monkeypatch.setattr(repository, "can_ask", lambda: False)
    silent = _run(lambda: repository._agreed([NEW_WORKFLOW], yes=False, force=False))
    assert isinstance(silent.exception, ConfigurationError)
    assert "--yes" in str(silent.exception.hint)


def test_a_run_is_shown_to_people_the_runner_and_programs(tmp_path: Path) -> None:
    file = parse_filename("acme-1.0-py3-none-any.whl")
    release = Release(file.name, file.version, "acme", [])
    report = Report(URL, [FileReport(file, release, State.UPLOADED, 1, "ab")])
    done = _run(lambda: publishing._show(report), as_json=True, runner=make_runner(tmp_path))
    assert json.loads(done.stdout) == report.as_json()
    assert "uploaded" in done.stderr
    assert outputs(make_runner(tmp_path))["published"] == "true"
    assert (tmp_path / "summary").read_text().startswith("### ✅ Published acme 1.0")
    plain = _run(lambda: publishing._show(report))
    assert (plain.stdout, re.findall("uploaded", plain.stderr)) == ("", ["uploaded"])


class _Job:
    def __init__(self) -> None:
        self.burned = 0

    def burn(self) -> None:
        self.burned += 1


def test_a_token_ends_with_the_run_whether_it_succeeds_or_fails() -> None:
    job: Any = _Job()
    with publishing.burning(Target(URL, trusted=job)):
        assert job.burned == 0
    assert job.burned == 1
    with pytest.raises(StoppedError), publishing.burning(Target(URL, trusted=job)):
        raise StoppedError("x")
    assert job.burned == 2
    with publishing.burning(Target(URL)):
        pass


@pytest.mark.parametrize(
    ("username", "words"),
    [
        ("ada", "Removed the password of ada for https://acme.example/ from keyring. The account itself is unchanged."),
        (None, "No password for https://acme.example/ in keyring."),
    ],
)
def test_a_logout_says_what_was_there_and_goes_on_after_a_file_that_fails(
    monkeypatch: pytest.MonkeyPatch, username: str | None, words: str
) -> None:
    monkeypatch.setattr(login, "log_out", lambda *_: username)
    tools = [*TOOLS]

    def forget(tool: Any, *_: object) -> list[FileChange]:
        if tool.name == tools[0]:
            raise ConfigurationError("It can't be read.")
        return [FileChange(Path(tool.name), None, "x")] if tool.name == tools[1] else []

    monkeypatch.setattr(session, "forgetting_changes", forget)
    monkeypatch.setattr(session, "files_with_passwords", lambda *_: [Path("other")])
    done = _run(lambda: session.log_out(NAMED, everywhere=False))
    first, second, third, last = done.stderr.splitlines()
    assert first == f"warning: {tools[0]} is not changed. It can't be read."
    assert second == f"Removed https://acme.example/ from {tools[1]}."
    assert third.startswith("warning: other has a password for https://acme.example/")
    assert last == words


def test_the_account_is_that_of_the_only_login(monkeypatch: pytest.MonkeyPatch) -> None:
    remember_username("https://acme.example/", "ada")
    monkeypatch.setattr(login, "who_am_i", lambda target: (Account(str(target.url), None), "keyring"))
    done = _run(lambda: session.show_account(TargetArgs()))
    assert done.stdout == "https://acme.example/\n"
    as_json = _run(lambda: session.show_account(TargetArgs()), as_json=True).stdout
    assert as_json.startswith('{\n  "username"')
