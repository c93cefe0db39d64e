"""The tokens of an index: what they say, how long they are valid, and what ends them."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from publisher.server.auth.errors import CredentialsRefusedError
from publisher.server.auth.fresh_copy import CopyTimes
from publisher.server.auth.oidc import minted_tokens
from publisher.server.auth.oidc.minted_tokens import LIFETIME, PREFIX, REVOKED_FOR, MintedToken, MintedTokens, Share
from publisher.server.auth.oidc.signing_keys import SigningKeys
from publisher.server.auth.principal import WORKING_RIGHTS, Grant, Origin, Principal, PrincipalKind, Right
from publisher.server.auth.revocations import Revocations
from publisher.server.storage.folder import FolderStorage

ORIGIN = Origin("https://ci.example", "acme/widgets", "a" * 40, "https://ci.example/7")
ADA = Share("serial-1", ("acme-widgets", "acme-gears"), "ada", creates=False)
BOB = Share("serial-2", ("acme-web",), "bob", creates=True)
UNVOUCHED = Share("serial-3", ("acme-free",), None, creates=False)


class Accounts:
    """The accounts that vouch; those in ``slow`` are not known without waiting."""

    def __init__(self) -> None:
        self.names = {"ada", "bob"}
        self.slow: set[str] = set()

    def principal_now(self, username: str) -> Principal | None:
        if username not in self.names - self.slow:
            return None
        return Principal(username, PrincipalKind.ACCOUNT, (Grant(WORKING_RIGHTS),), account=username)

    async def principal(self, username: str) -> Principal | None:
        self.slow.discard(username)
        return self.principal_now(username)


class Process:
    """The tokens of one process, whose clock goes on when a test says so."""

    def __init__(self, folder: Path, times: CopyTimes | None = None) -> None:
        storage = FolderStorage(folder)
        self.now = float(int(time.time()))
        self.accounts = Accounts()
        self.revocations = Revocations(storage, times or CopyTimes(fresh=1e6, usable=1e6))
        self.tokens = MintedTokens(
            SigningKeys(storage), self.revocations, self.accounts, "pypi.example", clock=lambda: self.now
        )

    async def issue(self, *shares: Share, name: str = "widgets on ci") -> MintedToken:
        return await self.tokens.issue(name, ORIGIN, shares or (ADA,))

    async def refused(self, token: str) -> None:
        with pytest.raises(CredentialsRefusedError, match="unknown, has expired or was revoked"):
            await self.tokens.verify(token)


def run(work: Awaitable[None]) -> None:
    async def main() -> None:
        await work

    asyncio.run(main())


@pytest.fixture
def process(tmp_path: Path) -> Process:
    return Process(tmp_path)


def test_a_token_says_who_has_it_and_lives_for_fifteen_minutes(process: Process) -> None:
    async def work() -> None:
        process.now += 0.75
        minted, other = await process.issue(), await process.issue()
        assert minted.expires == int(process.now) + 900
        found = await process.tokens.verify(minted.text)
        assert found == minted.principal
        assert (found.name, found.kind, found.origin) == ("widgets on ci", PrincipalKind.MINTED, ORIGIN)
        assert found.token
        assert found.token != other.principal.token
        assert minted.text != other.text

    run(work())


def test_a_token_is_valid_until_its_end_and_not_at_it(process: Process) -> None:
    async def work() -> None:
        minted = await process.issue()
        await process.tokens.verify(minted.text)
        process.now = minted.expires - 0.5
        await process.tokens.verify(minted.text)
        assert process.tokens.recall(minted.text) is not None
        process.now = minted.expires
        assert process.tokens.recall(minted.text) is None
        await process.refused(minted.text)

    run(work())


def test_a_recalled_token_stays_right_until_its_end(process: Process) -> None:
    async def work() -> None:
        minted = await process.issue()
        assert process.tokens.recall(minted.text) is None, "it was never verified"
        await process.tokens.verify(minted.text)
        process.now += 100
        before = time.monotonic()
        recalled = process.tokens.recall(minted.text)
        assert recalled is not None
        assert recalled.principal == minted.principal
        assert before <= recalled.until - (LIFETIME - 100) <= time.monotonic()

    run(work())


def test_a_recalled_token_stays_right_until_the_next_look_at_what_was_revoked(tmp_path: Path) -> None:
    async def work() -> None:
        process = Process(tmp_path, CopyTimes(fresh=50.0))
        minted = await process.issue()
        await process.tokens.verify(minted.text)
        recalled = process.tokens.recall(minted.text)
        assert recalled is not None
        assert recalled.until == process.revocations.fresh_until

    run(work())


def test_nothing_is_recalled_while_the_list_of_what_was_revoked_is_old(tmp_path: Path) -> None:
    async def work() -> None:
        process = Process(tmp_path, CopyTimes(fresh=-1.0))
        minted = await process.issue()
        await process.tokens.verify(minted.text)
        assert process.tokens.recall(minted.text) is None

    run(work())


def test_each_share_has_its_projects_and_one_alone_creates(process: Process) -> None:
    async def work() -> None:
        minted = await process.issue(ADA, BOB, UNVOUCHED)
        verified = await process.tokens.verify(minted.text)
        recalled = process.tokens.recall(minted.text)
        assert recalled is not None
        for principal in (minted.principal, verified, recalled.principal):
            for project in ("acme-widgets", "acme-gears", "acme-web", "acme-free"):
                assert principal.may(Right.PUBLISH, project)
                assert principal.may(Right.READ, project)
                assert not principal.may(Right.MANAGE, project)
                assert principal.may(Right.CREATE, project) == (project == "acme-web")
            assert not principal.may(Right.READ, "acme-other")

    run(work())


def test_a_token_has_what_is_left_when_a_voucher_goes(process: Process) -> None:
    async def work() -> None:
        minted = await process.issue(ADA, BOB)
        await process.tokens.verify(minted.text)
        process.accounts.names.discard("ada")
        assert process.tokens.recall(minted.text) is None
        found = await process.tokens.verify(minted.text)
        assert not found.may(Right.PUBLISH, "acme-widgets")
        assert found.may(Right.PUBLISH, "acme-web")
        process.accounts.names.clear()
        await process.refused(minted.text)

    run(work())


def test_a_voucher_that_is_not_known_at_once_is_looked_for(process: Process) -> None:
    async def work() -> None:
        minted = await process.issue(ADA, UNVOUCHED)
        await process.tokens.verify(minted.text)
        process.accounts.slow = {"ada"}
        assert process.tokens.recall(minted.text) is None
        assert await process.tokens.verify(minted.text) == minted.principal
        assert process.tokens.recall(minted.text) is not None

    run(work())


def test_a_burnt_token_is_on_the_list_longer_than_any_clock_takes_it(process: Process, tmp_path: Path) -> None:
    async def work() -> None:
        minted, other = await process.issue(), await process.issue()
        await process.tokens.verify(minted.text)
        await process.tokens.verify(other.text)
        assert await process.tokens.burn(minted.text) == minted.principal
        assert process.tokens.recall(minted.text) is None
        await process.refused(minted.text)
        await process.tokens.verify(other.text)
        assert process.tokens.recall(other.text) is not None
        revoked = json.loads((tmp_path / "tokens" / "revoked").read_text())
        assert revoked == {minted.principal.token: minted.expires + 60}
        assert await process.tokens.burn("pypi-publish-oidc_x.y.z") is None

    run(work())
    assert REVOKED_FOR == LIFETIME + 60


@pytest.mark.parametrize("serial", [ADA.publisher, BOB.publisher])
def test_the_end_of_one_of_its_publishers_ends_a_token(process: Process, serial: str) -> None:
    async def work() -> None:
        minted, without = await process.issue(ADA, BOB), await process.issue(UNVOUCHED)
        await process.tokens.verify(minted.text)
        await process.revocations.revoke(serial, process.now + 1000)
        assert process.tokens.recall(minted.text) is None
        await process.refused(minted.text)
        assert await process.tokens.verify(without.text) == without.principal

    run(work())


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.removeprefix(PREFIX),
        lambda text: text.replace(PREFIX, "pypi-publish-other_"),
        lambda text: text + "x",
        lambda text: text[:-20],
        lambda _: "",
        lambda _: "\ud800",
        lambda _: PREFIX,
    ],
)
def test_another_text_is_no_token(process: Process, change: Callable[[str], str]) -> None:
    async def work() -> None:
        minted = await process.issue()
        await process.refused(change(minted.text))
        assert process.tokens.recall(change(minted.text)) is None
        assert await process.tokens.burn(change(minted.text)) is None

    run(work())


def test_a_token_of_another_audience_or_key_is_refused(process: Process, tmp_path: Path) -> None:
    async def work() -> None:
        minted = await process.issue()
        keys = SigningKeys(FolderStorage(tmp_path))
        await MintedTokens(keys, process.revocations, process.accounts, "pypi.example").verify(minted.text)
        for audience, folder in (("other.example", tmp_path), ("pypi.example", tmp_path / "elsewhere")):
            folder.mkdir(exist_ok=True)
            keys = SigningKeys(FolderStorage(folder))
            with pytest.raises(CredentialsRefusedError):
                await MintedTokens(keys, process.revocations, process.accounts, audience).verify(minted.text)

    run(work())


def test_a_token_that_is_too_long_is_not_looked_at(process: Process) -> None:
    async def work() -> None:
        short = await process.issue(name="")
        room = (8192 - len(short.text)) // 4 * 3
        found = {}
        for length in range(room - 4, room + 5):
            minted = await process.issue(name="x" * length)
            found[len(minted.text)] = await process.tokens.burn(minted.text) is not None
        assert {length <= 8192 for length in found} == {True, False}
        assert found == {length: length <= 8192 for length in found}

    run(work())


def test_as_many_tokens_as_the_bound_are_remembered(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minted_tokens, "_REMEMBERED", 2)

    async def work() -> None:
        minted = [await process.issue() for _ in range(3)]
        for each in minted:
            await process.tokens.verify(each.text)
        assert [process.tokens.recall(each.text) is not None for each in minted] == [False, True, True]
        assert await process.tokens.verify(minted[0].text) == minted[0].principal

    run(work())
