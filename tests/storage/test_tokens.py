"""Tokens, revocations and roles that one process changes hold in the others, on every storage."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from publisher.server.auth.access.changes import RoleChanges
from publisher.server.auth.access.control import AccessControl
from publisher.server.auth.errors import AccountsUnavailableError, CredentialsRefusedError
from publisher.server.auth.fresh_copy import CopyTimes
from publisher.server.auth.principal import Grant, Right
from publisher.server.auth.revocations import Revocations
from publisher.server.auth.tokens.changes import TokenChanges
from publisher.server.auth.tokens.stored import StoredTokens
from publisher.server.storage.base import Storage
from tests.storage.worlds import Containers, World

SOON = CopyTimes(fresh=0.05, usable=0.6, patience=0.5)
READING = (Grant(frozenset({Right.READ})),)


class Everybody:
    """Accounts that all exist."""

    def knows_now(self, username: str) -> bool:
        return bool(username)

    async def knows(self, username: str) -> bool:
        return bool(username)


class Process:
    """The roles, tokens and revocations as one process or container sees them."""

    def __init__(self, storage: Storage) -> None:
        self.access = AccessControl(storage, Path("htpasswd"), times=SOON)
        self.roles = RoleChanges(storage, self.access)
        self.tokens = StoredTokens(storage, self.access, Everybody(), SOON)
        self.changes = TokenChanges(storage, self.tokens.copy.forget)
        self.revocations = Revocations(storage, SOON)

    async def accepts(self, token: str) -> bool:
        try:
            await self.tokens.verify(token)
        except CredentialsRefusedError:
            return False
        return True


async def _soon(check: Callable[[], Awaitable[bool]]) -> bool:
    deadline = time.monotonic() + 20
    while not await check():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(SOON.fresh)
    return True


def _run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def test_a_token_is_known_elsewhere_and_refused_there_once_it_is_revoked(world: World) -> None:
    async def run() -> None:
        one, other = Process(world.writer()), Process(world.writer())
        await one.access.bring_up_to_date()
        _, token = await one.changes.create("ada", "ci", READING, expires=None, by="ada")
        assert await _soon(lambda: other.accepts(token))
        await other.changes.revoke("ada", "ci")
        assert not await other.accepts(token)

        async def refused() -> bool:
            return not await one.accepts(token)

        assert await _soon(refused)
        assert one.tokens.recall(token) is None
        for each in (one, other):
            await each.tokens.stop()

    _run(run())


def test_a_burnt_token_is_burnt_elsewhere_and_two_that_burn_lose_neither(world: World) -> None:
    async def run() -> None:
        one, other = Process(world.writer()), Process(world.writer())
        assert not await other.revocations.is_revoked("first")
        until = time.time() + 900
        await asyncio.gather(one.revocations.revoke("first", until), other.revocations.revoke("second", until))
        for process in (one, other):
            for identifier in ("first", "second"):
                assert await _soon(partial(process.revocations.is_revoked, identifier))

    _run(run())


def test_a_role_that_is_given_or_taken_holds_elsewhere(world: World) -> None:
    async def run() -> None:
        one, other = Process(world.writer()), Process(world.writer())
        await other.access.bring_up_to_date()
        assert not other.access.principal("ada").may(Right.ADMIN)
        await one.roles.set_role("ada", "admin", "*")

        async def is_admin() -> bool:
            await other.access.bring_up_to_date()
            return other.access.principal("ada").may(Right.ADMIN)

        async def is_none() -> bool:
            return not await is_admin()

        assert await _soon(is_admin)
        await one.roles.set_role("ada", "none", "*")
        assert await _soon(is_none)

    _run(run())


def test_roles_are_no_older_than_a_page_may_be(world: World) -> None:
    async def run() -> None:
        storage = world.writer()
        access = AccessControl(storage, Path("htpasswd"))
        began = time.monotonic()
        await access.bring_up_to_date()
        assert access.is_recent()
        assert access.recent_until - began <= (storage.oldest_page + 0.5 if storage.shared else 5.5)

    _run(run())


def test_tokens_are_refused_when_the_list_of_revoked_ones_cannot_be_read_for_long(containers: Containers) -> None:
    async def run() -> None:
        storage = containers.writer()
        process = Process(storage)
        assert not await process.revocations.is_revoked("one")
        containers.lines[storage].cut = True
        assert not await process.revocations.is_revoked("one"), "the copy is young enough"

        async def refuses() -> bool:
            try:
                await process.revocations.is_revoked("one")
            except AccountsUnavailableError:
                return True
            return False

        assert await _soon(refuses)
        assert process.revocations.is_revoked_now("one") is None
        containers.lines[storage].cut = False
        assert not await process.revocations.is_revoked("one")

    _run(run())
