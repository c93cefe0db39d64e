"""The sender of a request by its header: an account by its password, or the owner of a token by its verifier."""

import asyncio
import base64
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import bcrypt
import pytest

from publisher.limits import LIMITS
from publisher.secret import Secret
from publisher.server.auth import identification
from publisher.server.auth.access.control import AccessControl
from publisher.server.auth.audit.failed_logins import FailedLogins
from publisher.server.auth.audit.query import AuditQuery, find_events
from publisher.server.auth.audit.trail import AuditTrail
from publisher.server.auth.authenticator import Authenticator
from publisher.server.auth.decisions import Generation, Recalled
from publisher.server.auth.errors import (
    AccountsUnavailableError,
    AdminTokenRefusedError,
    CredentialsRefusedError,
    NoAdminTokenError,
)
from publisher.server.auth.fresh_copy import CopyTimes
from publisher.server.auth.identification import Identification
from publisher.server.auth.owners import Owners
from publisher.server.auth.principal import Principal, PrincipalKind
from publisher.server.settings import ServerSettings
from publisher.server.storage.folder import FolderStorage

PASSWORD = "correct horse"
ADDRESS = "192.0.2.7"
ENTRY = f"ada:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}\n"
LATER = 12_345.0


class Verifier:
    """A verifier that knows one token, and which tokens it was asked about."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.right = f"{prefix}right"
        self.asked: list[str] = []
        self.principal = Principal(f"the owner of {prefix}", PrincipalKind.TOKEN)
        self.remembers = True

    def recall(self, token: str) -> Recalled | None:
        return Recalled(self.principal, LATER) if self.remembers and token == self.right else None

    async def verify(self, token: str) -> Principal:
        self.asked.append(token)
        if token == f"{self.prefix}unknown":
            raise AccountsUnavailableError
        if token != self.right:
            raise CredentialsRefusedError("The token is unknown.")
        return self.principal


class Index:
    """The identification of an index with one account and two kinds of tokens."""

    def __init__(self, folder: Path, admin_token: str = "admin") -> None:
        self.folder = folder
        (folder / "htpasswd").write_text(ENTRY)
        os.utime(folder / "htpasswd", (time.time() - 60,) * 2)
        limits = LIMITS._replace(first_delay=0.0)
        settings = ServerSettings((folder,), folder / "htpasswd", admin_token=Secret(admin_token), limits=limits)
        storage = FolderStorage(folder)
        self.generation = Generation()
        self.authenticator = Authenticator(settings, storage)
        self.failed = FailedLogins(AuditTrail(storage), 1000.0)
        self.access = AccessControl(storage, folder / "htpasswd")
        self.one, self.two = Verifier("one_"), Verifier("two_")
        self.identification = Identification(
            self.authenticator, self.access, (self.one, self.two), self.failed, self.generation
        )

    async def ask(self, header: bytes) -> Principal:
        return await self.identification.authenticate(header, ADDRESS)

    async def refusal(self, header: bytes) -> str:
        with pytest.raises(CredentialsRefusedError) as caught:
            await self.ask(header)
        return caught.value.message


Run = Callable[[Callable[[Index], Awaitable[None]]], list[tuple[str, str, int]]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs a piece of a test, and returns the failed logins on record."""

    def run(work: Callable[[Index], Awaitable[None]]) -> list[tuple[str, str, int]]:
        async def main() -> None:
            index = Index(tmp_path)
            await index.access.bring_up_to_date()
            try:
                await work(index)
            finally:
                index.authenticator.close()
                await index.failed.stop()

        asyncio.run(main())
        found = find_events(FolderStorage(tmp_path).files(), AuditQuery())
        return [(each["account"], each["from"], each["count"]) for each in found]

    return run


def basic(username: str, password: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{username}:{password}".encode())


def test_a_password_is_of_an_account_and_remembered_for_its_time(run: Run) -> None:
    async def work(index: Index) -> None:
        header = basic("ada", PASSWORD)
        assert index.identification.recall(header) is None
        found = await index.ask(header)
        assert (found.name, found.kind, found.account) == ("ada", PrincipalKind.ACCOUNT, "ada")
        before = time.monotonic()
        recalled = index.identification.recall(header)
        assert recalled is not None
        assert recalled.principal == found
        assert before <= recalled.until - LIMITS.remembered_for <= time.monotonic()
        assert index.identification.recall(basic("ada", "wrong")) is None
        assert (index.one.asked, index.two.asked) == ([], [])

    assert run(work) == []


@pytest.mark.parametrize("form", ["bearer", "BEARER", "basic"])
def test_a_token_goes_to_the_verifier_of_its_prefix(run: Run, form: str) -> None:
    async def work(index: Index) -> None:
        for verifier, other in ((index.one, index.two), (index.two, index.one)):
            token = verifier.right
            header = basic("__token__", token) if form == "basic" else f"{form} {token}".encode()
            assert index.identification.recall(header) is None, "it was never verified"
            generation = index.generation.number
            assert await index.ask(header) == verifier.principal
            assert index.generation.number > generation
            assert verifier.asked == [token]
            assert token not in other.asked
            assert index.identification.recall(header) == Recalled(verifier.principal, LATER)
            verifier.remembers = False
            assert index.identification.recall(header) is None

    assert run(work) == []


@pytest.mark.parametrize(
    ("header", "message", "recorded"),
    [
        (basic("ada", "wrong"), "The user name or the password is wrong.", "ada"),
        (basic("mallory", "wrong"), "The user name or the password is wrong.", "(no account)"),
        (b"Bearer one_wrong", "The token is unknown.", "(no account)"),
        (basic("__token__", "two_wrong"), "The token is unknown.", "(no account)"),
        (b"Bearer three_right", "Not a token of this index.", "(no account)"),
        (basic("__token__", "ne_right"), "Not a token of this index.", "(no account)"),
        (basic("ada", "one_right"), "The user name or the password is wrong.", "ada"),
        (basic("ada", ""), "", None),
        (basic("__token__", ""), "", None),
        (b"Basic ?", "The Authorization header has no Basic credentials.", None),
        (b"Bearer ", "The Authorization header has no Basic credentials.", None),
        (b"", "The Authorization header has no Basic credentials.", None),
    ],
)
def test_a_refusal_with_a_secret_is_a_failed_login_of_the_account_that_it_names(
    run: Run, header: bytes, message: str, recorded: str | None
) -> None:
    async def work(index: Index) -> None:
        generation = index.generation.number
        assert message in await index.refusal(header)
        assert index.identification.recall(header) is None
        assert index.generation.number == generation

    assert run(work) == ([(recorded, ADDRESS, 1)] if recorded else [])


def test_a_token_that_cannot_be_looked_up_is_no_failed_login(run: Run) -> None:
    async def work(index: Index) -> None:
        with pytest.raises(AccountsUnavailableError):
            await index.ask(b"Bearer one_unknown")
        assert index.identification.recall(b"Bearer one_unknown") is None

    assert run(work) == []


@pytest.mark.parametrize(("longer", "remembered"), [(0, True), (1, False)])
def test_a_header_of_many_blanks_is_answered_and_not_kept(run: Run, longer: int, *, remembered: bool) -> None:
    async def work(index: Index) -> None:
        header = b"Bearer" + index.one.right.encode().rjust(LIMITS.credentials - len(b"Bearer") + longer)
        generation = index.generation.number
        assert await index.ask(header) == index.one.principal
        assert (index.identification.recall(header) is not None) == remembered
        assert (index.generation.number > generation) == remembered

    run(work)


def test_as_many_tokens_as_the_bound_are_kept(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identification, "REMEMBERED_TOKENS", 2)

    async def work(index: Index) -> None:
        headers = [b"Bearer " + b" " * number + index.one.right.encode() for number in range(3)]
        for header in headers[:2]:
            await index.ask(header)
        assert all(index.identification.recall(header) for header in headers[:2])
        await index.ask(headers[2])
        assert [index.identification.recall(header) is not None for header in headers] == [False, False, True]
        assert await index.ask(headers[0]) == index.one.principal

    run(work)


@pytest.mark.parametrize(
    ("header", "recorded"),
    [
        (b"Bearer wrong", [("AUTH_TOKEN", ADDRESS, 1)]),
        (b"Bearer ", []),
        (basic("ada", PASSWORD), []),
        (None, []),
    ],
)
def test_only_a_wrong_admin_token_is_a_failed_login(
    run: Run, header: bytes | None, recorded: list[tuple[str, str, int]]
) -> None:
    async def work(index: Index) -> None:
        with pytest.raises(AdminTokenRefusedError):
            await index.identification.require_admin(header, ADDRESS)
        await index.identification.require_admin(b"Bearer admin", ADDRESS)

    assert run(work) == recorded


def test_without_an_admin_token_no_request_counts_as_a_failed_login(tmp_path: Path) -> None:
    async def work() -> None:
        index = Index(tmp_path, admin_token="")
        with pytest.raises(NoAdminTokenError):
            await index.identification.require_admin(b"Bearer admin", ADDRESS)
        index.authenticator.close()
        await index.failed.stop()

    asyncio.run(work())
    assert not (tmp_path / "audit").exists()


def test_refusals_need_no_audit_trail_and_no_verifiers(run: Run) -> None:
    async def work(index: Index) -> None:
        bare = Identification(index.authenticator, index.access)
        for header in (basic("ada", "wrong"), b"Bearer one_right"):
            with pytest.raises(CredentialsRefusedError):
                await bare.authenticate(header, ADDRESS)
        with pytest.raises(AdminTokenRefusedError):
            await bare.require_admin(b"Bearer wrong", ADDRESS)
        assert (await bare.authenticate(basic("ada", PASSWORD), ADDRESS)).name == "ada"

    assert run(work) == []


# the accounts behind tokens


def test_an_owner_is_found_without_a_password(run: Run) -> None:
    async def work(index: Index) -> None:
        owners = Owners(index.authenticator, index.access)
        assert owners.principal_now("ada") is None, "the accounts were never read"
        assert await owners.principal("mallory") is None
        found = await owners.principal("ada")
        assert found == owners.principal_now("ada") == index.access.principal("ada")
        assert owners.principal_now("mallory") is None
        (index.folder / "htpasswd").write_text(ENTRY.replace("ada", "bob-"))
        index.authenticator.forget_accounts()
        assert await owners.principal("bob-") is not None

    run(work)


def test_an_owner_has_the_rights_of_the_rules_as_they_are_now(tmp_path: Path) -> None:
    async def work() -> None:
        index = Index(tmp_path)
        access = AccessControl(FolderStorage(tmp_path), tmp_path / "htpasswd", times=CopyTimes(fresh=-1.0))
        owners = Owners(index.authenticator, access)
        before = await owners.principal("ada")
        assert before is not None, "the rules were read for it"
        assert owners.principal_now("ada") is None, "the rules may be others by now"
        (tmp_path / "access.toml").write_text('[users.ada]\n"acme-*" = "reader"\n')
        after = await owners.principal("ada")
        assert after is not None
        assert (before.reads_everything, after.reads_everything) == (True, False)
        index.authenticator.close()

    asyncio.run(work())
