"""Session cookies as time goes by: renewed, signed by new keys, and ended."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bcrypt
import pytest

from publisher.server.auth.access.control import AccessControl
from publisher.server.auth.authenticator import Authenticator
from publisher.server.auth.errors import CredentialsRefusedError
from publisher.server.auth.sessions import keys, sessions
from publisher.server.auth.sessions.keys import KEY_AGE
from publisher.server.auth.sessions.sessions import IDLE, LONGEST, RENEWED_AFTER, Sessions
from publisher.server.settings import ServerSettings
from publisher.server.storage.folder import FolderStorage

DAY = 86400.0


class Clock:
    """The time that sessions see."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_800_000_000.0
        for module in (keys, sessions):
            monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: self.now))


class Processes:
    """Processes that serve the same accounts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.htpasswd = folder / "htpasswd"
        self.set_password("correct horse")
        self._authenticators: list[Authenticator] = []

    def set_password(self, password: str) -> None:
        beside = self.folder / "new"
        beside.write_text(f"ada:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()}\n")
        beside.replace(self.htpasswd)

    def start(self) -> Sessions:
        settings = ServerSettings((self.folder,), self.htpasswd)
        storage = FolderStorage(self.folder)
        authenticator = Authenticator(settings, storage)
        self._authenticators.append(authenticator)
        return Sessions(storage, authenticator, AccessControl(storage, self.htpasswd))

    def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        async def inside() -> Any:
            try:
                return await work()
            finally:
                for authenticator in self._authenticators:
                    authenticator.close()

        return asyncio.run(inside())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    return Processes(tmp_path)


def _key_of(cookie: str) -> str:
    payload = cookie.partition(".")[0]
    key = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))[4]
    assert isinstance(key, str)
    return key


async def _renewed(made: Sessions, cookie: str) -> str:
    renewed = await made.renew(cookie)
    assert renewed is not None
    return renewed


def test_a_session_that_is_used_gets_a_new_cookie_and_ends_after_its_longest_time(
    clock: Clock, processes: Processes
) -> None:
    async def work() -> None:
        made = processes.start()
        cookie = await made.sign_in("ada", "correct horse", "here")
        began = await made.recall(cookie)
        assert began is not None
        assert not began.is_due
        clock.now += RENEWED_AFTER + 1
        due = await made.recall(cookie)
        assert due is not None
        assert due.is_due
        for _ in range(int(LONGEST / DAY) - 1):
            clock.now += DAY
            cookie = await _renewed(made, cookie)
            session = await made.recall(cookie)
            assert session is not None
            assert (session.id, session.began, session.is_due) == (began.id, began.began, False)
        clock.now += DAY
        assert await made.recall(cookie) is None
        assert await made.renew(cookie) is None

    processes.run(work)


def test_a_session_that_is_not_used_ends(clock: Clock, processes: Processes) -> None:
    async def work() -> None:
        made = processes.start()
        cookie = await made.sign_in("ada", "correct horse", "here")
        clock.now += IDLE - 1
        assert await made.recall(cookie) is not None
        clock.now += 2
        assert await made.recall(cookie) is None
        assert await made.renew(cookie) is None

    processes.run(work)


def test_a_new_key_signs_after_a_month_and_the_old_one_verifies_for_another(clock: Clock, processes: Processes) -> None:
    async def work() -> None:
        made = processes.start()
        first = await made.sign_in("ada", "correct horse", "here")
        clock.now += KEY_AGE - DAY
        second = await made.sign_in("ada", "correct horse", "here")
        form = await made.form_token("a form")
        clock.now += 2 * DAY
        third = await made.sign_in("ada", "correct horse", "here")
        assert _key_of(first) == _key_of(second) != _key_of(third)
        assert await made.recall(second) is not None
        assert await made.is_form_token(form, "a form")
        renewed = await _renewed(made, second)
        assert _key_of(renewed) == _key_of(third)
        state = json.loads((processes.folder / "sessions/state").read_text())
        assert [key["id"] for key in state["keys"]] == [_key_of(third), _key_of(second)]
        clock.now += 2 * KEY_AGE
        fourth = await made.sign_in("ada", "correct horse", "here")
        state = json.loads((processes.folder / "sessions/state").read_text())
        assert _key_of(second) not in {key["id"] for key in state["keys"]}
        assert await made.recall(fourth) is not None
        assert not await made.is_form_token(form, "a form")

    processes.run(work)


def test_another_process_knows_a_new_key_at_once(
    clock: Clock, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "_RECENT", 0.0)

    async def work() -> None:
        here, there = processes.start(), processes.start()
        old = await here.sign_in("ada", "correct horse", "here")
        assert await there.recall(old) is not None
        clock.now += KEY_AGE + 1
        new = await here.sign_in("ada", "correct horse", "here")
        form = await here.form_token("a form")
        assert _key_of(new) != _key_of(old)
        assert await there.is_form_token(form, "a form")
        assert await there.recall(new) is not None
        assert not await there.is_form_token(form[:-1], "a form")

    processes.run(work)


def test_two_processes_make_one_key(clock: Clock, processes: Processes) -> None:
    async def work() -> None:
        several = [processes.start() for _ in range(4)]
        cookies = await asyncio.gather(*(each.sign_in("ada", "correct horse", "here") for each in several))
        assert len(set(map(_key_of, cookies))) == 1
        clock.now += KEY_AGE + 1
        await asyncio.gather(*(each.form_token("a form") for each in several))
        assert len(json.loads((processes.folder / "sessions/state").read_text())["keys"]) == 2

    processes.run(work)


def test_no_cookie_outlives_the_password_it_began_with(clock: Clock, processes: Processes) -> None:
    async def work() -> None:
        made = processes.start()
        cookie = await made.sign_in("ada", "correct horse", "here")
        session = await made.recall(cookie)
        assert session is not None
        processes.set_password("another horse")
        clock.now += RENEWED_AFTER + 1
        assert await made.recall(cookie) is None
        assert await made.renew(cookie) is None  # also where its request began before the change
        assert await made.recall(await made.go_on(session)) is not None
        with pytest.raises(CredentialsRefusedError):
            await made.sign_in("ada", "correct horse", "here")

    processes.run(work)


def test_a_renewed_cookie_ends_with_all_sessions_of_its_account(clock: Clock, processes: Processes) -> None:
    async def work() -> None:
        made = processes.start()
        cookie = await made.sign_in("ada", "correct horse", "here")
        clock.now += DAY
        cookie = await _renewed(made, cookie)
        await made.end_all("ada")
        assert await made.recall(cookie) is None
        assert await made.renew(cookie) is None
        clock.now += 1
        assert await made.recall(await made.sign_in("ada", "correct horse", "here")) is not None

    processes.run(work)


def test_no_part_of_a_password_counts_as_part_of_the_name(clock: Clock, processes: Processes) -> None:
    """A header of basic authentication ends the name at its first colon, and the form has a field for each."""
    assert clock.now
    processes.set_password("correct:horse")

    async def work() -> None:
        made = processes.start()
        assert await made.verify("ada", "correct:horse", "here") == "ada"
        with pytest.raises(CredentialsRefusedError):
            await made.sign_in("ada:correct", "horse", "here")

    processes.run(work)


def test_the_keys_are_stored_in_a_format_that_other_versions_read(clock: Clock, processes: Processes) -> None:
    file = processes.folder / "sessions/state"
    file.parent.mkdir()
    key = {"id": "0a1b2c3d", "secret": "5e" * 32, "made": clock.now - DAY}
    file.write_text(json.dumps({"v": 1, "keys": [key], "ended": {"bob": clock.now - DAY}}))

    async def work() -> None:
        made = processes.start()
        cookie = await made.sign_in("ada", "correct horse", "here")
        assert _key_of(cookie) == key["id"]
        await made.end_all("ada")
        assert await made.recall(cookie) is None
        ended = {"bob": clock.now - DAY, "ada": clock.now}
        assert json.loads(file.read_text()) == {"v": 1, "keys": [key], "ended": ended}

    processes.run(work)
