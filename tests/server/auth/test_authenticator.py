"""Passwords are verified by counted work: one hash an attempt, one attempt at a time, none for what was proven."""

import asyncio
import base64
import os
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from passlib.hash import apr_md5_crypt, des_crypt, ldap_sha1, sha256_crypt, sha512_crypt

from publisher.errors import ConfigurationError
from publisher.limits import LIMITS
from publisher.secret import Secret
from publisher.server.auth import attempts, authenticator, hashes, htpasswd
from publisher.server.auth.authenticator import Authenticator
from publisher.server.auth.errors import (
    AccountsUnavailableError,
    AdminTokenRefusedError,
    AuthError,
    CredentialsRefusedError,
)
from publisher.server.settings import ServerSettings
from publisher.server.storage.errors import StorageFullError
from publisher.server.storage.folder import FolderFiles, FolderStorage
from publisher.server.work.turns import BusyError

PASSWORD = "correct horse"
KINDS = {
    "bcrypt": bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode(),
    "apache": bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode().replace("$2b$", "$2y$"),
    "apr1": apr_md5_crypt.hash(PASSWORD),
    "sha256": sha256_crypt.using(rounds=1000).hash(PASSWORD),
    "sha512": sha512_crypt.using(rounds=1000).hash(PASSWORD),
    "sha1": ldap_sha1.hash(PASSWORD),
    "des": des_crypt.hash(PASSWORD[:8]),
}
LOCKED = {
    "exclamation": "!",
    "star": "*",
    "empty": "",
    "md5": "$1$abcdefgh$0123456789012345678901",
    "argon2": "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsg",
    "clear": "correct horse",
    "cut": KINDS["bcrypt"][:40],
    "days of bcrypt": KINDS["bcrypt"].replace("$04$", "$31$"),
    "hours of sha512": KINDS["sha512"].replace("rounds=1000$", "rounds=999999999$"),
}


def basic(username: str, password: str, encoding: str = "utf-8") -> bytes:
    return b"Basic " + base64.b64encode(f"{username}:{password}".encode(encoding, "surrogatepass"))


class Counted:
    """An authenticator over a file, the hashes that it made, and its waits, which take no time here."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.hashed: list[str] = []
        self.slept: list[float] = []
        self.sleep = asyncio.sleep
        verify = hashes.verify

        def counted(entry: str, scheme: hashes.Scheme, password: str) -> bool:
            self.hashed.append(entry)
            return verify(entry, scheme, password)

        async def slept(seconds: float) -> None:
            self.slept.append(seconds)
            await self.sleep(0)

        monkeypatch.setattr(hashes, "verify", counted)
        monkeypatch.setattr(asyncio, "sleep", slept)
        self.settings = ServerSettings((path.parent,), path, admin_token=Secret("admin"))

    def limit(self, **limits: Any) -> None:
        """Set limits of the authenticators that are made from now on."""
        self.settings = replace(self.settings, limits=self.settings.limits._replace(**limits))

    def write(self, **entries: str) -> None:
        self.write_text("".join(f"{name}:{entry}\n" for name, entry in entries.items()).encode())

    def write_text(self, text: bytes, *, settled: bool = True) -> None:
        """Replace the file; a settled one was last changed a while ago."""
        beside = self.path.with_suffix(".new")
        beside.write_bytes(text)
        if settled:
            os.utime(beside, (time.time() - 60, time.time() - 60 - len(self.hashed)))
        beside.replace(self.path)

    def run(self, work: Callable[[Authenticator], Awaitable[Any]]) -> Any:
        async def inside() -> Any:
            made = Authenticator(self.settings, FolderStorage(self.path.parent))
            try:
                return await work(made)
            finally:
                made.close()

        return asyncio.run(inside())

    def refusal(self, header: bytes) -> Any:
        return self.run(lambda made: outcome(made.authenticate(header, "here")))


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(tmp_path / "htpasswd", monkeypatch)


async def outcome(work: Coroutine[Any, Any, Any]) -> type[AuthError | BusyError] | str | None:
    try:
        return await work  # type: ignore[no-any-return]
    except (AuthError, BusyError) as error:
        return type(error)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_that_apache_writes_is_verified(counted: Counted, kind: str) -> None:
    counted.write(ada=KINDS[kind])
    assert counted.run(lambda made: made.authenticate(basic("ada", PASSWORD), "here")) == "ada"
    wrong = counted.run(lambda made: outcome(made.authenticate(basic("ada", "wrong"), "here")))
    assert wrong is CredentialsRefusedError


@pytest.mark.parametrize("kind", LOCKED)
def test_everything_else_is_a_locked_account(counted: Counted, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    counted.write(dan=LOCKED[kind], ada=KINDS["bcrypt"])
    found = counted.run(lambda made: outcome(made.authenticate(basic("dan", LOCKED[kind] or "x"), "here")))
    assert found is CredentialsRefusedError
    assert "1 accounts are locked" in caplog.text
    assert LOCKED[kind] == "" or LOCKED[kind] not in caplog.text.replace(str(counted.path), "")


def test_clear_text_counts_only_where_it_is_allowed(counted: Counted) -> None:
    counted.write(dan="correct horse", eve="!", kim="$1$abcdefgh$0123456789012345678901")
    counted.settings = ServerSettings((counted.path.parent,), counted.path, allow_plaintext=True)
    assert counted.run(lambda made: made.authenticate(basic("dan", PASSWORD), "here")) == "dan"
    for user, password in (("eve", "!"), ("kim", "$1$abcdefgh$0123456789012345678901"), ("dan", "correct")):
        found = counted.refusal(basic(user, password))
        assert found is CredentialsRefusedError


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("password", ["wrong", "x" * 73, "x" * 5000, "nul\0", "\0", "ü" * 40])
def test_known_unknown_and_locked_users_cost_the_same_hashes(counted: Counted, kind: str, password: str) -> None:
    counted.write(ada=KINDS[kind], dan="!")
    cost = {}
    for user in ("ada", "nobody", "dan", "x" * 500, "é", "a\nb"):
        counted.hashed.clear()
        found = counted.refusal(basic(user, password))
        assert found is CredentialsRefusedError
        cost[user] = tuple(counted.hashed)
    assert set(cost.values()) == {cost["ada"]}
    assert cost["ada"]


def test_an_old_password_may_be_short_but_not_empty(counted: Counted) -> None:
    of_one, of_none = (bcrypt.hashpw(password, bcrypt.gensalt(4)).decode() for password in (b"x", b""))
    counted.write(ada=of_one, eve=of_none)
    assert counted.run(lambda made: made.authenticate(basic("ada", "x"), "here")) == "ada"
    assert counted.refusal(basic("eve", "")) is CredentialsRefusedError
    assert not hashes.verify(of_none, hashes.Scheme.BCRYPT, "")


def test_users_without_any_account_cost_a_hash(counted: Counted) -> None:
    counted.write_text(b"")
    counted.run(lambda made: outcome(made.authenticate(basic("ada", "wrong"), "here")))
    assert counted.hashed == [hashes.STAND_IN]


def test_a_proven_pair_costs_no_hash_until_its_entry_changes(counted: Counted) -> None:
    counted.write(ada=KINDS["bcrypt"])
    header = basic("ada", PASSWORD)

    async def work(made: Authenticator) -> None:
        assert made.recall(header) is None
        await made.authenticate(header, "here")
        assert made.recall(header) == "ada"
        assert len(counted.hashed) == 1
        counted.write(ada=KINDS["bcrypt"], bob=KINDS["apr1"])  # another account
        made._next_look = 0
        assert made.recall(header) is None
        await made.authenticate(header, "here")
        assert made.recall(header) == "ada"
        assert len(counted.hashed) == 1
        counted.write(ada=KINDS["apr1"], bob=KINDS["apr1"])  # the same password, hashed anew
        await made.authenticate(header, "here")
        assert len(counted.hashed) == 2
        counted.write(bob=KINDS["apr1"])
        assert await outcome(made.authenticate(header, "here")) is CredentialsRefusedError

    counted.run(work)


def test_a_pair_that_was_proven_and_is_wrong_now_costs_one_hash_an_attempt_from_then_on(counted: Counted) -> None:
    counted.write(ada=KINDS["bcrypt"])

    async def work(made: Authenticator) -> None:
        await made.authenticate(basic("ada", PASSWORD), "here")
        counted.write(ada=bcrypt.hashpw(b"another", bcrypt.gensalt(4)).decode())
        made._next_look = 0
        assert await outcome(made.authenticate(basic("ada", PASSWORD), "here")) is CredentialsRefusedError
        before = len(counted.hashed)
        assert await outcome(made.authenticate(basic("ada", PASSWORD), "here")) is CredentialsRefusedError
        assert len(counted.hashed) == before + 1

    counted.run(work)


def test_a_proven_pair_is_hashed_again_after_a_while(counted: Counted) -> None:
    counted.write(ada=KINDS["bcrypt"])
    counted.limit(remembered_for=-1)

    async def work(made: Authenticator) -> None:
        for number in (1, 2):
            await made.authenticate(basic("ada", PASSWORD), "here")
            assert len(counted.hashed) == number

    counted.run(work)


def test_a_proven_pair_stays_as_long_as_it_is_used(counted: Counted) -> None:
    counted.limit(remembered_pairs=2)
    counted.write(ada=KINDS["bcrypt"], bob=KINDS["apr1"], eve=KINDS["sha1"])

    async def run(auth: Authenticator) -> None:
        def log_in(name: str) -> Coroutine[Any, Any, str]:
            return auth.authenticate(basic(name, PASSWORD), "1.2.3.4")

        await log_in("ada")
        await log_in("bob")
        hashed = len(counted.hashed)
        for _ in range(3):  # longer in all than it is remembered without being used
            for proof in auth._proofs.values():
                proof.until -= LIMITS.remembered_for * 0.9
            await log_in("ada")
        assert len(counted.hashed) == hashed
        await log_in("eve")
        hashed = len(counted.hashed)
        await log_in("ada")  # not the one that made room
        assert len(counted.hashed) == hashed
        counted.write(ada=KINDS["bcrypt"], bob=KINDS["apr1"], eve=KINDS["sha256"])
        await log_in("ada")
        assert len(counted.hashed) == hashed
        await log_in("eve")  # the one whose account changed
        assert len(counted.hashed) > hashed

    counted.run(run)


def test_the_same_pair_from_many_connections_is_hashed_once(counted: Counted) -> None:
    counted.write(ada=KINDS["bcrypt"])
    header = basic("ada", PASSWORD)
    found = counted.run(lambda made: asyncio.gather(*(made.authenticate(header, "here") for _ in range(32))))
    assert set(found) == {"ada"}
    assert len(counted.hashed) == 1


def test_an_empty_password_does_not_count_as_an_attempt(counted: Counted) -> None:
    counted.write(ada=KINDS["bcrypt"])

    async def work(made: Authenticator) -> None:
        for _ in range(30):
            assert await outcome(made.authenticate(basic("ada", ""), "here")) is CredentialsRefusedError
        assert made._attempts.failures(("ada", "here")) == 0

    counted.run(work)
    assert (counted.hashed, counted.slept) == ([], [])


def test_failures_wait_longer_each_time_and_are_forgiven(counted: Counted) -> None:
    counted.write(ada=KINDS["bcrypt"])

    async def work(made: Authenticator) -> None:
        for number in range(8):
            await outcome(made.authenticate(basic("ada", f"wrong {number}"), "here"))
        assert counted.slept == [0.1, 0.2, 0.4, 0.8, 1.6, 3.0, 3.0, 3.0]
        await outcome(made.authenticate(basic("ada", "wrong"), "elsewhere"))
        await outcome(made.authenticate(basic("bob", "wrong"), "here"))
        assert counted.slept[-2:] == [0.1, 0.1]
        await made.authenticate(basic("ada", PASSWORD), "here")
        await outcome(made.authenticate(basic("ada", "wrong again"), "here"))
        assert counted.slept[-1] == 0.1

    counted.run(work)


def test_failures_are_forgotten_after_a_while() -> None:
    now = 0.0
    lanes = attempts.Attempts(now=lambda: now)
    assert [lanes.failed(("ada", "here")) for _ in range(3)] == [0.1, 0.2, 0.4]
    now += LIMITS.forgiven_after + 1
    assert lanes.failed(("ada", "here")) == 0.1


def test_guesses_are_made_one_at_a_time_and_a_proven_pair_does_not_wait(
    counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted.write(ada=KINDS["bcrypt"])
    counted.limit(remembered_for=-1)  # every request is verified
    running = most = 0

    async def work(made: Authenticator) -> None:
        nonlocal running, most
        await made.authenticate(basic("ada", PASSWORD), "here")
        blocked = asyncio.Event()

        async def wait_until_released(_: float) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await blocked.wait()
            running -= 1

        monkeypatch.setattr(asyncio, "sleep", wait_until_released)
        guesses = [asyncio.create_task(outcome(made.authenticate(basic("ada", f"{n}"), "here"))) for n in range(20)]
        while not running:
            await asyncio.wait(guesses, timeout=0.01)
        hashed = len(counted.hashed)
        assert await made.authenticate(basic("ada", PASSWORD), "here") == "ada"
        assert len(counted.hashed) == hashed + 1
        blocked.set()
        assert set(await asyncio.gather(*guesses)) == {CredentialsRefusedError}

    counted.run(work)
    assert most == 1


def test_a_login_that_waits_too_long_gets_a_503(counted: Counted) -> None:
    counted.write(ada=KINDS["bcrypt"])
    counted.limit(login_patience=0.05)

    async def work(made: Authenticator) -> None:
        async with made._attempts.one_at_a_time(("ada", "here")):
            with pytest.raises(BusyError) as caught:
                await made.authenticate(basic("ada", PASSWORD), "here")
        assert caught.value.retry_after >= 1

    counted.run(work)
    assert counted.hashed == []


def test_wrong_admin_tokens_are_slowed_and_the_right_one_is_not(counted: Counted) -> None:
    async def work(made: Authenticator) -> None:
        for _ in range(3):
            assert await outcome(made.require_admin(b"Bearer wrong", "here")) is AdminTokenRefusedError
        await made.require_admin(b"Bearer admin", "here")

    counted.run(work)
    assert counted.slept == [0.1, 0.2, 0.4]


@pytest.mark.parametrize("text", [b"", KINDS["apr1"].encode()[:10]], ids=["emptied", "cut in the middle"])
def test_a_file_that_is_being_rewritten_refuses_no_valid_password(counted: Counted, text: bytes) -> None:
    counted.write(ada=KINDS["bcrypt"], bob=KINDS["apr1"])

    async def work(made: Authenticator) -> None:
        await made.authenticate(basic("bob", PASSWORD), "here")
        counted.write_text(b"bob:" + text if text else b"", settled=False)
        assert await outcome(made.authenticate(basic("ada", PASSWORD), "here")) is AccountsUnavailableError
        assert made._attempts.failures(("ada", "here")) == 0

    counted.settings = ServerSettings((counted.path.parent,), counted.path)
    authenticator_patience = authenticator.SETTLING_PATIENCE
    try:
        authenticator.SETTLING_PATIENCE = 0.05
        counted.run(work)
    finally:
        authenticator.SETTLING_PATIENCE = authenticator_patience


def test_a_password_that_comes_with_the_rest_of_the_file_is_right(
    counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted.write(ada=KINDS["bcrypt"])
    sleep = counted.sleep

    async def work(made: Authenticator) -> Any:
        await made.authenticate(basic("ada", PASSWORD), "here")
        counted.write_text(f"ada:{KINDS['bcrypt']}\n".encode(), settled=False)

        async def write_rest(_: float) -> None:
            if b"bob" not in counted.path.read_bytes():
                counted.write_text(f"ada:{KINDS['bcrypt']}\nbob:{KINDS['apr1']}\n".encode())
            await sleep(0.01)

        monkeypatch.setattr(asyncio, "sleep", write_rest)
        return await made.authenticate(basic("bob", PASSWORD), "here")

    assert counted.run(work) == "bob"


def test_a_missing_or_unreadable_file_does_not_count_as_an_attempt(counted: Counted) -> None:
    assert counted.run(lambda made: outcome(made.authenticate(basic("ada", "x"), "here"))) is AccountsUnavailableError
    counted.path.mkdir()
    assert counted.run(lambda made: outcome(made.authenticate(basic("ada", "x"), "here"))) is AccountsUnavailableError
    counted.path.rmdir()
    for make in (os.mkfifo, lambda path: Path(path).symlink_to(path), lambda path: Path(path).symlink_to("/dev/zero")):
        make(counted.path)
        refused = counted.run(lambda made: outcome(made.authenticate(basic("ada", "x"), "here")))
        assert refused is AccountsUnavailableError
        counted.path.unlink()
    assert counted.slept == []


@pytest.mark.parametrize(
    "text",
    [
        "<<<<<<< HEAD\nada:{}\n",
        "\ufeffada:{}\r\nbob:x\r\n",
        "# accounts\n\nada:{}:a comment\n",
        "no colon\n:no name\nada:{}\n",
        "ada:{}",
    ],
)
def test_invalid_lines_affect_no_other_account(counted: Counted, text: str) -> None:
    counted.write_text(text.format(KINDS["bcrypt"]).encode())
    assert counted.run(lambda made: made.authenticate(basic("ada", PASSWORD), "here")) == "ada"


def test_a_line_in_another_encoding_costs_only_itself(counted: Counted) -> None:
    counted.write_text(b"caf\xe9:" + KINDS["apr1"].encode() + b"\nada:" + KINDS["apr1"].encode() + b"\n")
    assert counted.run(lambda made: made.authenticate(basic("ada", PASSWORD), "here")) == "ada"
    assert counted.run(lambda made: made.authenticate(basic("café", PASSWORD, "latin-1"), "here")) == "café"


@pytest.mark.parametrize("stored", ["é", "e\u0301"])
@pytest.mark.parametrize("sent", ["é", "e\u0301"])
def test_letters_may_be_composed_either_way(counted: Counted, stored: str, sent: str) -> None:
    hashed = bcrypt.hashpw(f"p{stored}ssword".encode(), bcrypt.gensalt(4)).decode()
    counted.write(**{f"andr{stored}": hashed})
    assert counted.run(lambda made: made.authenticate(basic(f"andr{sent}", f"p{sent}ssword"), "here"))


def test_changing_one_account_leaves_the_other_lines_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "htpasswd"
    before = f"# team\nada:{KINDS['apr1']}\nbroken line\ndan:!\n"
    path.write_text(before)
    users, files = htpasswd.Users(path), FolderStorage(tmp_path).files()
    assert users.set_password(files, "eve", "long enough") is htpasswd.Change.CREATED
    assert path.read_text().startswith(before)
    assert users.set_password(files, "eve", "long enough") is htpasswd.Change.UNCHANGED
    assert users.set_password(files, "dan", "long enough") is htpasswd.Change.CHANGED
    assert users.remove(files, "eve")
    assert users.remove(files, "dan")
    assert not users.remove(files, "dan")
    assert path.read_text() == before.replace("dan:!\n", "")


def test_without_a_file_there_are_no_accounts(tmp_path: Path) -> None:
    users, files = htpasswd.Users(tmp_path / "htpasswd"), FolderStorage(tmp_path).files()
    assert (users.names(files), users.services(files), users.remove(files, "ada")) == ([], [], False)
    assert users.add_service(files, "robot") is htpasswd.Change.CREATED
    assert (users.names(files), users.services(files)) == (["robot"], ["robot"])


def test_a_file_without_accounts_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "htpasswd"
    htpasswd.create_file(path)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"", 0o600)
    path.write_text("ada:x\n")
    htpasswd.create_file(path)
    assert path.read_text() == "ada:x\n"


def test_a_file_that_cannot_be_made_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"can't be created: (File exists|Not a directory)"):
        htpasswd.create_file(tmp_path / "file" / "htpasswd")

    def fail(*_: object) -> None:
        raise StorageFullError("The disk is full.")

    monkeypatch.setattr(FolderFiles, "replace", fail)
    with pytest.raises(ConfigurationError, match=r"can't be created: The disk is full\."):
        htpasswd.create_file(tmp_path / "htpasswd")


def test_the_last_account_can_be_removed(tmp_path: Path) -> None:
    users, files = htpasswd.Users(tmp_path / "htpasswd"), FolderStorage(tmp_path).files()
    users.set_password(files, "ada", "long enough")
    assert users.load(files).table.entries
    assert users.remove(files, "ada")
    assert users.load(files).doubtful is None
    assert users.names(files) == []
