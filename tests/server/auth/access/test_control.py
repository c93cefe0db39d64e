"""The rules in force: those of the file, else the last valid ones, else their copy, else equal rights for all."""

import asyncio
import json
from pathlib import Path

import pytest

from publisher.server.auth.access.control import AccessControl
from publisher.server.auth.errors import AccessUnavailableError, AccountsUnavailableError
from publisher.server.auth.principal import WORKING_RIGHTS, Grant, Principal, Right
from publisher.server.storage.folder import FolderStorage

READER = '[users.ada]\n"*" = "reader"\n'
ADMIN = '[users.ada]\n"*" = "admin"\n'


class Process:
    """One process with the rules of a folder."""

    def __init__(self, folder: Path, uploaders: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.access = AccessControl(FolderStorage(folder), folder / "htpasswd", uploaders)

    def write(self, text: str | None) -> None:
        if text is None:
            (self.folder / "access.toml").unlink(missing_ok=True)
        else:
            (self.folder / "access.toml").write_text(text)

    def look(self) -> None:
        """Bring the rules up to date, as five seconds later."""
        self.access.forget()
        asyncio.run(self.access.bring_up_to_date())

    def ada(self) -> Principal:
        return self.access.principal("ada")

    @property
    def kept(self) -> str | None:
        """The text of the copy that is kept with the accounts."""
        path = self.folder / "htpasswd.access"
        return str(json.loads(path.read_text())["text"]) if path.exists() else None


@pytest.fixture
def process(tmp_path: Path) -> Process:
    return Process(tmp_path)


def test_an_index_that_never_had_the_file_gives_every_account_the_working_rights(process: Process) -> None:
    process.look()
    assert process.ada().grants == (Grant(WORKING_RIGHTS),)
    assert not process.access.has_roles
    assert (process.access.anonymous, process.kept) == (None, None)
    assert process.access.anonymous_may("acme")
    assert process.access.anonymous_may(None)
    process.access.require_changes()


def test_a_valid_file_is_in_force_and_kept_with_the_accounts(process: Process) -> None:
    process.write(READER)
    process.look()
    assert process.ada().grants == (Grant(frozenset({Right.READ})),)
    assert process.access.principal("bob").grants == ()
    assert process.access.has_roles
    assert process.kept == READER
    process.write(ADMIN)
    process.look()
    assert process.ada().may(Right.ADMIN)
    assert process.kept == ADMIN
    kept = json.loads((process.folder / "htpasswd.access").read_text())
    assert (kept["v"], kept["roles"]) == (1, "enabled")


def test_the_copy_is_not_written_again_for_the_same_text(process: Process) -> None:
    process.write(READER)
    process.look()
    copy = process.folder / "htpasswd.access"
    copy.write_text(copy.read_text().replace("enabled", "touched"))
    process.write(READER)
    process.look()
    Process(process.folder).look()
    assert "touched" in copy.read_text()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "access.toml is missing; the last valid rules stay in force"),
        ('[users.ada]\n"*" = "boss"\n', "access.toml is not valid: line 2: unknown role 'boss'"),
    ],
)
def test_a_running_index_goes_on_with_the_last_valid_rules(
    process: Process, text: str | None, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    process.write(ADMIN)
    process.look()
    process.write(text)
    process.look()
    assert process.ada().may(Right.ADMIN)
    assert process.kept == ADMIN
    process.access.require_changes()
    assert problem in caplog.text


def test_a_file_that_was_never_there_is_no_failure(process: Process, caplog: pytest.LogCaptureFixture) -> None:
    process.look()
    process.look()
    assert caplog.text == ""


@pytest.mark.parametrize("text", [None, "[users", '[users.ada]\n"*" = "boss"\n'])
def test_at_a_start_the_copy_decides_for_reading_alone(
    process: Process, text: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    process.write(READER)
    process.look()
    process.write(text)
    started = Process(process.folder)
    started.look()
    assert started.ada().grants == (Grant(frozenset({Right.READ})),)
    assert started.access.principal("bob").grants == ()
    assert started.access.is_read_only
    with pytest.raises(AccessUnavailableError, match="missing or invalid"):
        started.access.require_changes()
    assert "reading follows the copy of the last valid rules, and changes are refused" in caplog.text
    started.write(ADMIN)
    started.look()
    started.access.require_changes()
    assert started.ada().may(Right.ADMIN)


def test_a_copy_stays_in_force_while_the_file_stays_wrong(process: Process) -> None:
    process.write(READER)
    process.look()
    process.write("[users")
    started = Process(process.folder)
    started.look()
    process.write("[groups")
    started.look()
    assert started.access.is_read_only
    assert started.ada().may(Right.READ)
    assert not started.access.principal("bob").may(Right.READ)


@pytest.mark.parametrize("copy", ["lost", "{}", '{"text": 3}', '{"text": "[users"}', "[]", "null"])
def test_a_copy_that_cannot_be_used_blocks_everything_until_the_file_is_back(process: Process, copy: str) -> None:
    (process.folder / "htpasswd.access").write_text(copy)
    if copy == '{"text": 3}':  # which says nothing that is not valid TOML
        process.write("[users")
    with pytest.raises(AccessUnavailableError, match="no account's rights are known"):
        process.look()
    assert not process.access.is_recent()
    with pytest.raises(AccessUnavailableError):
        process.look()
    process.write(ADMIN)
    process.look()
    assert process.access.is_recent()
    assert process.ada().may(Right.ADMIN)


def test_an_invalid_file_without_any_copy_blocks_everything(process: Process, caplog: pytest.LogCaptureFixture) -> None:
    process.write("[users")
    with pytest.raises(AccessUnavailableError, match=r"access\.toml is not valid"):
        process.look()
    assert "every request is refused" in caplog.text


def test_a_file_in_another_encoding_is_not_valid(process: Process, caplog: pytest.LogCaptureFixture) -> None:
    process.write(ADMIN)
    process.look()
    (process.folder / "access.toml").write_bytes(b'[users."\xe9"]\n')
    process.look()
    assert "access.toml is not UTF-8; the last valid rules stay in force" in caplog.text
    assert process.ada().may(Right.ADMIN)


def test_rules_that_cannot_be_read_are_not_taken_for_none(process: Process) -> None:
    (process.folder / "access.toml").mkdir()
    with pytest.raises(AccountsUnavailableError):
        process.look()
    (process.folder / "access.toml").rmdir()
    (process.folder / "htpasswd.access").mkdir()
    with pytest.raises(AccountsUnavailableError):
        process.look()


def test_a_copy_that_cannot_be_written_is_logged_and_no_failure(
    process: Process, caplog: pytest.LogCaptureFixture
) -> None:
    process.write(ADMIN)
    (process.folder / "htpasswd.access").mkdir()
    process.look()
    assert process.ada().may(Right.ADMIN)
    assert "no copy of access.toml could be kept" in caplog.text
    (process.folder / "htpasswd.access").rmdir()
    process.write(f"# again\n{ADMIN}")
    process.look()
    assert process.kept == f"# again\n{ADMIN}"


@pytest.mark.parametrize(
    ("patterns", "project", "may"),
    [
        ('["docs-*", "site"]', "docs-api", True),
        ('["docs-*", "site"]', "docs", True),
        ('["docs-*", "site"]', "site", True),
        ('["docs-*", "site"]', "sites", False),
        ('["docs-*", "site"]', None, True),
        ("[]", None, False),
        ("[]", "docs", False),
        ('["*"]', "anything", True),
    ],
)
def test_anonymous_clients_get_the_projects_that_are_left_to_them(
    process: Process, patterns: str, project: str | None, *, may: bool
) -> None:
    process.write(f"[anonymous]\nprojects = {patterns}\n")
    process.look()
    assert process.access.anonymous_may(project) == may


@pytest.mark.parametrize("text", [None, READER])
def test_a_client_uploader_publishes_the_client_by_name_and_nothing_more(tmp_path: Path, text: str | None) -> None:
    process = Process(tmp_path, ("ada",))
    process.write(text)
    process.look()
    assert process.ada().may(Right.PUBLISH, "pypi-publish")
    assert process.ada().may(Right.CREATE, "pypi-publish")
    assert not process.access.principal("bob").may(Right.PUBLISH, "pypi-publish")
    assert process.ada().may(Right.PUBLISH, "acme") == (text is None)


def test_a_principal_is_the_same_until_the_rules_change(process: Process) -> None:
    process.write(READER)
    process.look()
    before = process.ada()
    process.look()
    assert process.ada() is before
    process.write(ADMIN)
    process.look()
    assert process.ada() is not before
    assert (process.ada().account, process.ada().username) == ("ada", "ada")


def test_an_index_without_accounts_has_no_rules(tmp_path: Path) -> None:
    (tmp_path / "access.toml").write_text("[users")
    access = AccessControl(FolderStorage(tmp_path), None)
    asyncio.run(access.bring_up_to_date())
    assert access.is_recent()
    assert access.recent_until == float("inf")
    assert access.anonymous_may("acme")
