"""A keyring's answers, whatever it does: found, stored and removed entries, and failures with a remedy."""

import sys
import threading
import time
from collections.abc import Callable, Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from keyring.errors import KeyringLocked, PasswordDeleteError

from publisher.credentials import keyring as own
from publisher.credentials import patience
from publisher.errors import CredentialsError
from publisher.secret import Secret

SERVICES = ("https://acme.example/", "https://acme.example/simple/", "acme.example")


class Ring(KeyringBackend):
    """A keyring in memory."""

    priority = 1.0
    name = "a ring"

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.entries: dict[tuple[str, str], str] = {}
        self.drops = False
        self.asked: list[str] = []

    def get_password(self, service: str, username: str) -> str | None:
        self.asked.append(service)
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if not self.drops:
            self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if (service, username) not in self.entries:
            raise PasswordDeleteError
        del self.entries[service, username]


class Locked(Ring):
    """A keyring that stays locked."""

    name = "a locked ring"

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked(f"locked for {service} and {username}")


class Ending(Ring):
    """A keyring whose plug-in ends the program."""

    def get_password(self, service: str, username: str) -> str | None:
        raise SystemExit(f"ended for {service} and {username}")


class Chain(Ring):
    """A chain that drops what its backends decline."""

    name = "a chain"

    def __init__(self, *backends: KeyringBackend) -> None:
        super().__init__()
        self.backends = backends

    def set_password(self, service: str, username: str, password: str) -> None:
        self.backends[-1].set_password(service, username, password)


@pytest.fixture
def use() -> Iterator[Callable[[KeyringBackend], None]]:
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


Use = Callable[[KeyringBackend], None]


def test_a_password_is_stored_under_every_name_found_and_removed(use: Use) -> None:
    ring = Ring()
    use(ring)
    assert own.find(SERVICES, "ada") is None
    assert own.store(SERVICES, "ada", Secret("open sesame")) == "a ring"
    assert ring.entries == {(service, "ada"): "open sesame" for service in SERVICES}
    assert own.find(SERVICES, "ada") == ("ada", Secret("open sesame"))
    assert own.find(SERVICES, "bob") is None
    assert own.forget(SERVICES, "bob") is False
    assert own.forget(SERVICES, "ada") is True
    assert own.forget(SERVICES, "ada") is False
    assert ring.entries == {}


def test_the_first_name_with_an_entry_counts(use: Use) -> None:
    ring = Ring()
    use(ring)
    ring.entries = {(SERVICES[1], "ada"): "second", (SERVICES[2], "ada"): "third"}
    assert own.find(SERVICES, "ada") == ("ada", Secret("second"))
    assert ring.asked == list(SERVICES[:2])
    ring.entries = {(SERVICES[0], "ada"): "", (SERVICES[2], "ada"): "third"}
    assert own.find(SERVICES, "ada") == ("ada", Secret("third")), "an empty password is none"
    assert own.forget(SERVICES[1:], "ada") is True
    assert ring.entries == {(SERVICES[0], "ada"): ""}


@pytest.mark.parametrize("kind", [fail.Keyring, null.Keyring])
def test_a_machine_without_a_keyring_finds_nothing_and_can_store_nothing(use: Use, kind: type[KeyringBackend]) -> None:
    use(kind())
    assert own.find(SERVICES, "ada") is None
    assert own.forget(SERVICES, "ada") is False
    assert own.holders() == []
    with pytest.raises(CredentialsError, match="No keyring on this machine can save the password") as raised:
        own.require_holder()
    assert "config netrc --write" in str(raised.value.hint)
    with pytest.raises(CredentialsError):
        own.store(SERVICES, "ada", Secret("x"))


def test_a_keyring_that_drops_passwords_is_noticed(use: Use) -> None:
    ring = Ring()
    ring.drops = True
    use(ring)
    with pytest.raises(CredentialsError, match="The keyring a ring did not save the password") as raised:
        own.store(SERVICES, "ada", Secret("x"))
    assert "PYTHON_KEYRING_BACKEND" in str(raised.value.hint)
    ring.drops = False
    ring.entries = {(SERVICES[0], "ada"): "y"}
    own.store(SERVICES, "ada", Secret("x"))
    assert set(ring.entries.values()) == {"x"}


def test_of_a_chain_the_backend_that_holds_the_password_is_named(use: Use) -> None:
    first, last = Ring(), Ring()
    first.name, last.name = "first", "last"
    use(Chain(first, last))
    assert own.store(SERVICES, "ada", Secret("x")) == "last"
    assert own.holders() == ["first", "last"]
    own.require_holder()


def test_backends_of_a_chain_that_hold_nothing_are_left_out(use: Use) -> None:
    ours = Ring()
    ours.name = "pypi-publish logins"
    use(Chain(null.Keyring(), ours, Ring()))  # type: ignore[no-untyped-call]
    assert own.holders() == ["a ring"]


@pytest.mark.parametrize(
    ("ring", "reason"),
    [(Locked(), "locked for https://acme.example/ and ada"), (Ending(), "ended for https://acme.example/")],
)
def test_a_keyring_that_fails_is_named_with_a_remedy_and_is_not_taken_for_empty(
    use: Use, ring: Ring, reason: str
) -> None:
    use(ring)
    for ask in (own.find, own.forget):
        with pytest.raises(CredentialsError, match="The keyring failed") as raised:
            ask(SERVICES, "ada")
        assert reason in raised.value.message
        assert "PYPI_PUBLISH_PASSWORD" in str(raised.value.hint)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("PlaintextKeyring", True),
        ("keyrings.alt.file.PlaintextKeyring", True),
        ("the demo's own keyring", True),
        ("SecretService Keyring", False),
    ],
)
def test_backends_that_keep_passwords_unencrypted_are_known_by_name(name: str, *, plain: bool) -> None:
    assert own.keeps_plain_text(name) == plain


def test_output_of_a_backend_goes_to_stderr(use: Use, capfd: pytest.CaptureFixture[str]) -> None:
    class Chatty(Ring):
        def get_password(self, service: str, username: str) -> str | None:
            sys.stdout.write(f"a word {service[:5]}\n")
            return super().get_password(service, username)

    use(Chatty())
    own.find(SERVICES, "ada")
    sys.stdout.write("a result\n")
    out, err = capfd.readouterr()
    assert out == "a result\n"
    assert "a word https" in err


# patience


def test_a_call_gives_its_result_or_its_failure() -> None:
    assert patience.call_patiently(lambda: 7, "x", "y", "z") == 7
    with pytest.raises(ZeroDivisionError):
        patience.call_patiently(lambda: 1 // 0, "x", "y", "z")


def test_a_call_that_takes_too_long_is_given_up_without_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LIMIT", 0.01)
    monkeypatch.setattr(patience, "has_person", lambda: False)
    released = threading.Event()
    with pytest.raises(CredentialsError, match="it may be locked") as raised:
        patience.call_patiently(released.wait, "the keyring", "it may be locked", "unlock it")
    released.set()
    assert raised.value.hint == "unlock it"


def test_a_person_is_given_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LIMIT", 0.0)
    monkeypatch.setattr(patience, "has_person", lambda: True)
    waited: list[float] = []

    def work() -> int:
        time.sleep(0.02)
        waited.append(0.02)
        return len(waited)

    assert patience.call_patiently(work, "x", "y", "z") == 1


class _Stream:
    def __init__(self, *, terminal: bool) -> None:
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize(
    ("stdin", "stderr", "person"),
    [
        (_Stream(terminal=True), _Stream(terminal=False), True),
        (_Stream(terminal=False), _Stream(terminal=True), True),
        (_Stream(terminal=False), _Stream(terminal=False), False),
        (None, None, False),
    ],
)
def test_a_person_is_at_either_stream(
    monkeypatch: pytest.MonkeyPatch, stdin: _Stream | None, stderr: _Stream | None, *, person: bool
) -> None:
    monkeypatch.setattr("sys.stdin", stdin)
    monkeypatch.setattr("sys.stderr", stderr)
    found = patience.has_person()
    monkeypatch.undo()
    assert found == person
