"""Arguments, environment and tables, combined; questions to a person; and failures as messages and exit codes."""

import errno
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from publisher.cli.failures import exit_on_failure, exit_on_outer_failure
from publisher.cli.main import group
from publisher.cli.options.building import BuildArgs
from publisher.cli.options.publishing import PublishArgs
from publisher.cli.options.target import TargetArgs
from publisher.cli.run import prompts
from publisher.cli.run.builds.options import resolve_build
from publisher.cli.run.prompts import ask_new_password, ask_until_valid, can_ask, prompt_or_none, read_secret
from publisher.cli.run.resolve import (
    given_password,
    named_target,
    project_config,
    resolve_index,
    resolve_publish,
    resolve_target,
    resolve_trusted,
)
from publisher.cli.system_failures import explain_system_failure
from publisher.client.url import parse_index_url
from publisher.credentials.remembered import remember_username
from publisher.credentials.trusted import TrustedMode
from publisher.errors import (
    BuildFailedError,
    CheckFailedError,
    ConfigurationError,
    ConflictError,
    CredentialsError,
    ForbiddenError,
    IndexUnavailableError,
    InvalidDistributionError,
    NotOfferedError,
    PublishError,
    StoppedError,
)
from publisher.project.config import ProjectConfig
from publisher.project.kinds import Kind
from publisher.secret import Secret
from tests.helpers.shown import make_runner, running

URL = "https://acme.example/"
NAMED = TargetArgs(index_url=URL)


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _table(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(f"[tool.pypi-publish]\n{text}\n")
    return folder


def test_a_projects_table_comes_before_its_roots_and_that_before_the_current_folders(tmp_path: Path) -> None:
    _table(tmp_path, 'index-url = "https://c.example/"\nusername = "c"\ntag-prefix = "c-"')
    root = _table(tmp_path / "root", 'index-url = "https://b.example/"\nusername = "b"')
    project = _table(tmp_path / "root/a", 'index-url = "https://a.example/"')
    found = project_config([project], [root])
    assert (found.index_url, found.username, found.tag_prefix) == ("https://a.example/", "b", "c-")
    assert project_config([]).index_url == "https://c.example/"


def test_an_option_comes_before_the_table() -> None:
    config = ProjectConfig(index_url="https://table.example/")
    assert resolve_index(URL, config).root == URL
    assert resolve_index(None, config).root == "https://table.example/"
    assert resolve_index("", config).root == "https://table.example/"


def test_without_a_name_there_is_no_index_but_for_commands_about_the_only_login() -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolve_index(None, ProjectConfig(), or_login=True)
    assert caught.value.message == "No index URL is set."
    assert "PYPI_PUBLISH_INDEX_URL" in str(caught.value.hint)
    remember_username(URL, "ada")
    assert resolve_index(None, ProjectConfig(), or_login=True).root == URL
    with pytest.raises(ConfigurationError, match=f"You are logged in to {URL}"):
        resolve_index(None, ProjectConfig())
    remember_username("https://other.example/", "bob")
    with pytest.raises(ConfigurationError, match=r"You are logged in to .* and "):
        resolve_index(None, ProjectConfig(), or_login=True)


def test_the_account_is_that_of_the_option_else_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYPI_PUBLISH_PASSWORD", "pw")
    with running():
        found = resolve_target(TargetArgs(URL, "ada"), ProjectConfig(username="bob"))
        assert (found.username, found.password, found.prompt) == ("ada", Secret("pw"), None)
        assert resolve_target(NAMED, ProjectConfig(username="bob")).username == "bob"


def test_a_password_comes_from_the_caller_then_stdin_then_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYPI_PUBLISH_PASSWORD", "from the environment")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("päss\r\nsecond\n".encode())))
    given = TargetArgs(password=Secret("given"), password_stdin=True)
    assert given_password(given) == Secret("given")
    assert given_password(TargetArgs(password_stdin=True)) == Secret("päss")
    assert read_secret("--x") == Secret("second")
    with pytest.raises(click.UsageError, match="--x was given, but stdin is empty"):
        read_secret("--x")
    assert given_password(TargetArgs()) == Secret("from the environment")
    assert "PYPI_PUBLISH_PASSWORD" not in os.environ
    assert given_password(TargetArgs()) is None


PYPIRC = f"""\
[distutils]
index-servers = acme
[acme]
repository = {URL}
username = ada
password = from the file
"""


def test_a_name_of_pypirc_stands_for_its_index_and_account(monkeypatch: pytest.MonkeyPatch) -> None:
    (Path(os.environ["HOME"]) / ".pypirc").write_text(PYPIRC)
    assert named_target(TargetArgs(username="bob")) == TargetArgs(username="bob")
    expected = TargetArgs(URL, "ada", password=Secret("from the file"))
    assert named_target(TargetArgs("https://ignored.example/", repository="acme")) == expected
    monkeypatch.setenv("PYPI_PUBLISH_PASSWORD", "pw")
    found = named_target(TargetArgs(username="bob", repository="acme"))
    assert (found.username, found.password) == ("bob", Secret("pw"))


@pytest.mark.parametrize(
    ("args", "jobs", "kinds", "parallel"),
    [
        (BuildArgs(installer="pip"), 3, set(Kind), 3),
        (BuildArgs(installer="pip", sdist=True), 1, {Kind.SDIST}, 1),
        (BuildArgs(installer="pip", wheel=True), 1, {Kind.WHEEL}, 1),
        (BuildArgs(installer="pip", sdist=True, wheel=True), 1, set(Kind), 1),
    ],
)
def test_neither_kind_of_file_means_both(args: BuildArgs, jobs: int, kinds: set[Kind], parallel: int) -> None:
    with running():
        found = resolve_build(args, jobs, [])
    assert found.kinds == frozenset(kinds)
    assert (found.jobs, found.installer, found.show_output) == (parallel, "pip", False)
    with running(verbosity=1):
        default = resolve_build(args, None, [])
    assert default.jobs >= 1
    assert default.show_output is True


@pytest.mark.parametrize("option", [None, False, True])
@pytest.mark.parametrize("key", [None, False, True])
def test_an_option_that_was_given_decides_else_the_table(option: bool | None, key: bool | None) -> None:  # noqa: FBT001 - values of a table
    wanted = option if option is not None else bool(key)
    with running():
        options = resolve_publish(NAMED, PublishArgs(skip_existing=option), ProjectConfig(skip_existing=key), jobs=None)
        assert options.skip_existing is wanted
        if wanted:
            with pytest.raises(CheckFailedError, match=r"A tag is required\."):
                resolve_publish(NAMED, PublishArgs(require_tag=option), ProjectConfig(require_tag=key), jobs=None)
        else:
            resolve_publish(NAMED, PublishArgs(require_tag=option), ProjectConfig(require_tag=key), jobs=None)
        tagged = PublishArgs("v1.0", require_tag=option)
        assert resolve_publish(NAMED, tagged, ProjectConfig(require_tag=key), jobs=None).tag is not None


def test_the_conditions_of_an_upload(tmp_path: Path) -> None:
    with running():
        plain = resolve_publish(NAMED, PublishArgs(), ProjectConfig(), jobs=None)
        given = resolve_publish(NAMED, PublishArgs(dry_run=True, allow_dirty=True), ProjectConfig(), jobs=2)
    assert (plain.connections, plain.dry_run, plain.allow_dirty, plain.locate, plain.tag) == (
        6,
        False,
        False,
        False,
        None,
    )
    assert (given.connections, given.dry_run, given.allow_dirty) == (2, True, True)
    with running(runner=make_runner(tmp_path)):
        assert resolve_publish(NAMED, PublishArgs(), ProjectConfig(), jobs=None).locate is True


@pytest.mark.parametrize(("option", "key", "version"), [("a-", "b-", "1.0"), (None, "a-", "1.0"), ("a-", None, "1.0")])
def test_a_prefix_of_tags_is_that_of_the_option_else_of_the_table(
    option: str | None, key: str | None, version: str
) -> None:
    with running():
        found = resolve_publish(NAMED, PublishArgs("a-1.0", tag_prefix=option), ProjectConfig(tag_prefix=key), jobs=1)
    assert found.tag is not None
    assert (str(found.tag.version), found.tag.name) == (version, None)


@pytest.mark.parametrize(
    ("mode", "key", "chosen"),
    [
        (None, None, TrustedMode.AUTO),
        (None, "always", TrustedMode.ALWAYS),
        ("auto", "never", TrustedMode.AUTO),
        ("always", None, TrustedMode.ALWAYS),
        (None, "never", None),
        ("never", "always", None),
    ],
)
def test_the_identity_of_a_job_is_used_as_the_option_or_the_table_says(
    mode: str | None, key: str | None, chosen: TrustedMode | None
) -> None:
    with running():
        found = resolve_trusted(mode, ProjectConfig(trusted_publishing=key))
        target = resolve_publish(
            NAMED, PublishArgs(trusted_publishing=mode), ProjectConfig(trusted_publishing=key), jobs=1
        )
    assert (found.mode if found else None) == chosen
    assert (target.target.trusted.mode if target.target.trusted else None) == chosen


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return not super().isatty()  # which fails once it is closed


def test_a_person_is_asked_on_a_terminal_and_no_runner_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running():
        assert can_ask() is False
        monkeypatch.setattr(sys, "stdin", _Terminal())
        assert can_ask() is False
        monkeypatch.setattr(sys, "stderr", _Terminal())
        assert can_ask() is True
        assert prompt_or_none(parse_index_url(URL)) is not None
    with running(runner=make_runner(tmp_path)):
        assert can_ask() is False
        assert prompt_or_none(parse_index_url(URL)) is None
    sys.stdin.close()
    with running():
        assert can_ask() is False


def _answering(text: str, ask: Any) -> tuple[Any, str]:
    """Return the result of questions that are answered with lines, and the texts that were shown."""
    found: list[Any] = []

    @click.command()
    def command() -> None:
        found.append(ask())

    done = CliRunner().invoke(command, input=text)
    return (found[0] if found else done.exception), done.output


def test_credentials_are_asked_for_as_far_as_they_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "can_ask", lambda: True)
    index = parse_index_url(URL)
    prompt = prompt_or_none(index)
    assert prompt is not None
    credentials, shown = _answering("ada\np w\n", lambda: prompt(None))
    assert (credentials.username, credentials.password, credentials.source) == ("ada", Secret("p w"), "prompt")
    assert f"Credentials for {URL}" in shown
    assert "p w" not in shown
    credentials, shown = _answering("pw\n", lambda: prompt("bob"))
    assert (credentials.username, credentials.password) == ("bob", Secret("pw"))
    assert "User name" not in shown


def test_a_new_password_is_typed_twice_alike() -> None:
    password, shown = _answering("one\nother\nsame\nsame\n", lambda: ask_new_password("ada"))
    assert password == Secret("same")
    assert "New password of ada" in shown
    assert "Repeat the new password" in shown


def test_a_wrong_answer_is_explained_until_a_right_one_comes() -> None:
    def parse(text: str) -> int:
        if text != "7":
            raise ConfigurationError(f"{text} is wrong", hint="write 7")
        return int(text)

    number, shown = _answering("1\n7\n", lambda: ask_until_valid("Number", parse))
    assert number == 7
    assert "error: 1 is wrong" in shown
    assert "hint: write 7" in shown


FAILURES: list[tuple[BaseException, int, str]] = [
    (PublishError("x"), 1, "error: x"),
    (ConfigurationError("x", hint="y"), 2, "error: x\nhint: y"),
    (BuildFailedError("x", output="o"), 3, "  │ o\nerror: x"),
    (CredentialsError("x"), 4, "error: x"),
    (ForbiddenError("x"), 4, "error: x"),
    (ConflictError("x"), 5, "error: x"),
    (IndexUnavailableError("x"), 6, "error: x"),
    (NotOfferedError("x"), 2, "error: x"),
    (CheckFailedError("x"), 7, "error: x"),
    (InvalidDistributionError("x"), 7, "error: x"),
    (StoppedError("x"), 130, "error: x"),
    (KeyboardInterrupt(), 130, "error: Interrupted."),
    (OSError(errno.ENOSPC, "No space left", "f"), 1, "error: f: No space left."),
    (ValueError("x"), 1, "error: Unexpected failure: ValueError: x"),
]


@pytest.mark.parametrize(("failure", "code", "shown"), FAILURES, ids=[type(case[0]).__name__ for case in FAILURES])
def test_every_failure_is_one_message_and_one_code(
    failure: BaseException, code: int, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        running(as_json=True),
        pytest.raises(click.exceptions.Exit) as caught,
        exit_on_failure(click.get_current_context()),
    ):
        raise failure
    assert caught.value.exit_code == code
    printed = capsys.readouterr()
    assert printed.err.startswith(shown)
    assert json.loads(printed.out)["error"]["exit-code"] == code


def test_the_failure_for_programs_has_message_and_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    with running(as_json=True), pytest.raises(click.exceptions.Exit), exit_on_failure(click.get_current_context()):
        raise ConfigurationError("x", hint="y")
    expected = {"exit-code": 2, "title": "Invalid configuration", "message": "x", "hint": "y"}
    assert json.loads(capsys.readouterr().out) == {"error": expected}
    with running(), pytest.raises(click.exceptions.Exit), exit_on_failure(click.get_current_context()):
        raise ConfigurationError("x")
    assert capsys.readouterr().out == ""


def test_with_vv_a_failure_shows_where_it_came_from(capsys: pytest.CaptureFixture[str]) -> None:
    with running(verbosity=2), pytest.raises(click.exceptions.Exit), exit_on_failure(click.get_current_context()):
        raise BuildFailedError("x", output="shown\nalready")
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "│ already" not in shown
    with running(verbosity=2), pytest.raises(ValueError, match="x"), exit_on_failure(click.get_current_context()):
        raise ValueError("x")
    with running(verbosity=1), pytest.raises(click.exceptions.Exit), exit_on_failure(click.get_current_context()):
        raise ConfigurationError("x")
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(("failure", "code"), [(click.UsageError("x"), 2), (click.Abort(), 130), (OSError(5, "x"), 1)])
def test_failures_outside_of_a_command_look_like_those_inside(
    failure: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught, exit_on_outer_failure():
        raise failure
    assert caught.value.code == code
    assert "error: " in capsys.readouterr().err


def test_clicks_own_failures_pass_through_a_command() -> None:
    for failure in (click.UsageError("x"), click.Abort(), click.exceptions.Exit(3)):
        with running(), pytest.raises(type(failure)), exit_on_failure(click.get_current_context()):
            raise failure


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (OSError(errno.ENOSPC, "full", "f"), "f: full.", "Free space on the disk"),
        (OSError(errno.EDQUOT, "full"), "full.", "Free space on the disk"),
        (OSError(errno.EFBIG, "large"), "large.", "Free space on the disk"),
        (OSError(errno.EACCES, "no", "f"), "f: no.", "Check the owner and the permissions"),
        (OSError(errno.EPERM, "no", "f"), "f: no.", "Check the owner and the permissions"),
        (OSError(errno.EROFS, "no", "f"), "f: no.", "Check the owner and the permissions"),
        (OSError(errno.EMFILE, "many", "f"), "many.", "lower --jobs"),
        (OSError(errno.ENFILE, "many", "f"), "many.", "lower --jobs"),
        (OSError(errno.EIO, "broken", "f"), "f: broken.", "-vv"),
        (OSError("only a text"), "only a text.", "-vv"),
        (
            FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"),
            "No writable folder for temporary files.",
            "TMPDIR",
        ),
    ],
)
def test_failures_of_the_system_have_a_remedy(error: OSError, message: str, hint: str) -> None:
    found = explain_system_failure(error)
    assert found.message == message
    assert hint in str(found.hint)
    assert found.exit_code == 1


def test_a_folder_that_is_gone_explains_every_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    found = explain_system_failure(OSError(errno.ENOENT, "No such file", "x"))
    assert (found.message, found.hint) == ("The current folder no longer exists.", "Change to another one: `cd`.")


def test_a_text_that_is_no_utf_8_is_refused_unless_it_is_a_path(tmp_path: Path) -> None:
    done = CliRunner().invoke(group, ["list", "a\udcff"])
    assert done.exit_code == 2
    assert "is not valid UTF-8" in done.output
    (tmp_path / os.fsdecode(b"b\xff")).mkdir()
    assert "UTF-8" not in CliRunner().invoke(group, ["build", "b\udcff", "--no-such-option"]).output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("publsh", "No such command or folder: 'publsh'. Did you mean 'publish'?"),
        ("-q publsh", "No such command or folder: 'publsh'. Did you mean 'publish'?"),
        ("--publsh", "No such option"),
    ],
)
def test_a_word_like_a_command_is_one_that_was_misspelled(words: str, message: str, tmp_path: Path) -> None:
    assert message in CliRunner().invoke(group, words.split()).output
    (tmp_path / "publsh").mkdir()
    assert "Did you mean" not in CliRunner().invoke(group, ["publsh", "--index-url", URL]).output
