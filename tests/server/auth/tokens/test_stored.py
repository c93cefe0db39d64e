"""Stored tokens in one process: verified, recalled, and refused as soon as something has ended them."""

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from publisher.server.auth.access.control import AccessControl
from publisher.server.auth.errors import AccountsUnavailableError, CredentialsRefusedError
from publisher.server.auth.principal import Grant, Principal, PrincipalKind, Right
from publisher.server.auth.tokens import records
from publisher.server.auth.tokens.changes import TokenChanges
from publisher.server.auth.tokens.format import new_token
from publisher.server.auth.tokens.records import InvalidTokenRequestError, TokenRecord
from publisher.server.auth.tokens.stored import StoredTokens
from publisher.server.storage.folder import FolderStorage

READING = (Grant(frozenset({Right.READ})),)
PUBLISHING = (Grant(frozenset({Right.PUBLISH}), "acme"),)


class Accounts:
    """The accounts that there are."""

    def __init__(self) -> None:
        self.names = {"ada", "bob"}

    def knows_now(self, username: str) -> bool:
        return username in self.names

    async def knows(self, username: str) -> bool:
        return username in self.names


class Process:
    """The tokens of a folder, as one process has them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        storage = FolderStorage(folder)
        self.accounts = Accounts()
        self.access = AccessControl(storage, folder / "htpasswd")
        self.tokens = StoredTokens(storage, self.access, self.accounts)
        self.changes = TokenChanges(storage, self.tokens.copy.forget)

    async def create(
        self, name: str = "ci", grants: tuple[Grant, ...] = READING, owner: str = "ada", expires: float | None = None
    ) -> tuple[TokenRecord, str]:
        return await self.changes.create(owner, name, grants, expires=expires, by="grace")

    async def refusal(self, token: str) -> str:
        with pytest.raises(CredentialsRefusedError) as raised:
            await self.tokens.verify(token)
        assert self.tokens.recall(token) is None
        return raised.value.message


@pytest.fixture
def run(tmp_path: Path) -> Callable[[Callable[[Process], Awaitable[None]]], None]:
    """Return a function that runs a piece of a test with the tokens of an empty folder."""

    def run(work: Callable[[Process], Awaitable[None]]) -> None:
        async def main() -> None:
            process = Process(tmp_path)
            await work(process)
            await process.tokens.stop()

        asyncio.run(main())

    return run


Run = Callable[[Callable[[Process], Awaitable[None]]], None]


def test_a_token_stands_for_its_grants_within_its_owners(run: Run) -> None:
    async def work(process: Process) -> None:
        record, text = await process.create(grants=PUBLISHING)
        assert process.tokens.recall(text) is None, "it was never verified"
        principal = await process.tokens.verify(text)
        assert (principal.name, principal.account, principal.token) == ("ada", "ada", "ci")
        assert (principal.kind, principal.grants) == (PrincipalKind.TOKEN, PUBLISHING)
        assert principal.within is process.access.principal("ada")
        recalled = process.tokens.recall(text)
        assert recalled is not None
        assert recalled.principal == principal
        assert recalled.until == process.tokens.copy.fresh_until
        assert (record.created_by, record.owner, record.expires) == ("grace", "ada", None)
        assert abs(record.created - time.time()) < 60

    run(work)


def test_a_token_that_ends_before_the_copy_is_recalled_until_its_end(run: Run) -> None:
    async def work(process: Process) -> None:
        _, text = await process.create(expires=time.time() + 2)
        await process.tokens.verify(text)
        recalled = process.tokens.recall(text)
        assert recalled is not None
        assert recalled.until <= time.monotonic() + 2

    run(work)


def test_an_expired_token_is_refused_with_its_name(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(process: Process) -> None:
        _, text = await process.create(expires=time.time() + 5)
        await process.tokens.verify(text)
        later = time.time() + 6
        monkeypatch.setattr(records.time, "time", lambda: later)  # type: ignore[attr-defined]
        assert await process.refusal(text) == "The token 'ci' of ada has expired."

    run(work)


def test_a_revoked_token_is_refused_and_the_others_stay(run: Run) -> None:
    async def work(process: Process) -> None:
        (_, text), (_, other), (_, bobs) = [
            await process.create(),
            await process.create("other"),
            await process.create(owner="bob"),
        ]
        for each in (text, other, bobs):
            await process.tokens.verify(each)
        assert await process.changes.revoke("ada", "ci") == ["ci"]
        assert await process.changes.revoke("ada", "ci") == []
        assert await process.refusal(text) == "The token is unknown or was revoked."
        for each in (other, bobs):
            await process.tokens.verify(each)
        await process.create("more")
        assert await process.changes.revoke("ada") == ["more", "other"]
        assert await process.changes.revoke("kim") == []
        await process.refusal(other)
        await process.tokens.verify(bobs)

    run(work)


def test_texts_that_are_no_token_of_this_index(run: Run) -> None:
    async def work(process: Process) -> None:
        _, text = await process.create()
        assert await process.refusal(new_token().text) == "The token is unknown or was revoked."
        for wrong in (text[:-1], text.swapcase(), ""):
            assert "incomplete, or was changed" in await process.refusal(wrong)

    run(work)


def test_the_secret_counts_and_not_the_identifier_alone(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(process: Process) -> None:
        record, _ = await process.create()
        monkeypatch.setattr("publisher.server.auth.tokens.stored.identifier_of", lambda _text: record.identifier)
        assert await process.refusal(new_token().text) == "The token is unknown or was revoked."

    run(work)


def test_a_token_ends_with_its_account(run: Run) -> None:
    async def work(process: Process) -> None:
        _, text = await process.create()
        await process.tokens.verify(text)
        process.accounts.names.remove("ada")
        assert await process.refusal(text) == "The account of the token is gone."
        process.accounts.names.add("ada")
        assert process.tokens.recall(text) is not None

    run(work)


def test_a_recalled_token_has_the_rights_that_its_owner_has_now(run: Run) -> None:
    async def work(process: Process) -> None:
        _, text = await process.create(grants=PUBLISHING)
        before: Principal = await process.tokens.verify(text)
        assert before.may(Right.PUBLISH, "acme")
        (process.folder / "access.toml").write_text('[users.ada]\n"*" = "reader"\n')
        process.access.forget()
        await process.access.bring_up_to_date()
        recalled = process.tokens.recall(text)
        assert recalled is not None
        assert not recalled.principal.may(Right.PUBLISH, "acme")
        assert recalled.principal.may(Right.READ, "acme")

    run(work)


def test_a_file_that_cannot_be_read_refuses_every_token_as_not_found_out(run: Run) -> None:
    async def work(process: Process) -> None:
        (process.folder / "tokens.json").mkdir()
        with pytest.raises(AccountsUnavailableError):
            await process.tokens.verify(new_token().text)

    run(work)


def test_each_use_is_recorded_once_a_day(run: Run) -> None:
    async def work(process: Process) -> None:
        record, text = await process.create()
        await process.create("other")
        for _ in range(3):
            await process.tokens.verify(text)
            process.tokens.recall(text)
        await process.tokens.stop()
        uses = [path.read_text() for path in process.folder.rglob("*") if "tokens.used" in str(path) and path.is_file()]
        assert "".join(uses).count("\n") == 1
        assert await process.tokens.last_used() == {record.identifier: time.strftime("%Y-%m-%d", time.gmtime())}

    run(work)


def test_a_token_that_is_only_recalled_has_its_day_recorded_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(process: Process) -> None:
        record, text = await process.create()
        await process.tokens.verify(text)
        await process.tokens.stop()
        for path in process.folder.glob("tokens.used*"):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        tomorrow = (time.time() // 86400 + 1) * 86400
        monkeypatch.setattr("publisher.server.auth.tokens.stored.time.time", lambda: tomorrow)
        assert process.tokens.recall(text) is not None
        await process.tokens.stop()
        assert list(await process.tokens.last_used()) == [record.identifier]

    run(work)


def test_the_newest_day_counts_and_damaged_lines_do_not(run: Run) -> None:
    async def work(process: Process) -> None:
        lines = ['{"id": "a", "day": "2026-01-02"}', '{"id": "a", "day": "2026-01-01"}', "{", '{"id": "b"}', "[]", "3"]
        (process.folder / "tokens.used").write_text("\n".join(lines) + "\n")
        assert await process.tokens.last_used() == {"a": "2026-01-02"}

    run(work)


def test_two_tokens_of_an_account_have_two_names(run: Run) -> None:
    async def work(process: Process) -> None:
        await process.create()
        with pytest.raises(InvalidTokenRequestError, match="ada has a token 'ci' already"):
            await process.create()
        await process.create(owner="bob")

    run(work)


def test_an_account_has_a_bounded_number_of_tokens(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("publisher.server.auth.tokens.changes.TOKENS_EACH", 2)

    async def work(process: Process) -> None:
        await process.create("one")
        await process.create("two")
        await process.create("one", owner="bob")
        with pytest.raises(InvalidTokenRequestError, match="ada has 2 tokens already"):
            await process.create("three")
        await process.changes.revoke("ada", "one")
        await process.create("three")

    run(work)


def test_fields_of_a_later_version_stay(run: Run) -> None:
    async def work(process: Process) -> None:
        (process.folder / "tokens.json").write_text('{"v": 2, "more": 1, "tokens": [{"id": "x", "new": 2}]}')
        await process.create()
        await process.changes.revoke("ada")
        document = records.read_document((process.folder / "tokens.json").read_bytes())
        assert document == {"v": 2, "more": 1, "tokens": [{"id": "x", "new": 2}]}

    run(work)


def test_nothing_is_written_where_nothing_changes(run: Run) -> None:
    async def work(process: Process) -> None:
        assert await process.changes.revoke("ada") == []
        assert not (process.folder / "tokens.json").exists()

    run(work)
