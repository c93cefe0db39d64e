"""The answers of the plug-in for keyring, in one process: whose password, from which backend, and never a failure."""

import pytest
from keyring.backend import KeyringBackend
from keyring.backends import chainer
from keyring.errors import NoKeyringError

from publisher.credentials import keyring_backend, remembered
from publisher.credentials.keyring_backend import IndexKeyring
from tests.helpers.rings import MemoryRing

ROOT = "https://acme.example/"


class Broken(MemoryRing):
    """A backend that fails whatever it is asked."""

    priority = 9.0

    def get_password(self, service: str, username: str) -> str | None:
        raise RuntimeError(f"broken for {service} and {username}")


class Preferred(MemoryRing):
    """A backend that comes before the others."""

    priority = 5.0


class Absent(MemoryRing):
    """A backend that says that it holds nothing."""

    priority = 0.0


@pytest.fixture
def backends(monkeypatch: pytest.MonkeyPatch) -> list[KeyringBackend]:
    """Return the list of backends that keyring knows, which a test changes."""
    found: list[KeyringBackend] = [IndexKeyring(), chainer.ChainerBackend()]  # type: ignore[no-untyped-call]
    monkeypatch.setattr(keyring_backend, "get_all_keyring", lambda: found)
    return found


def ring_with(ring: MemoryRing, password: str, username: str = "ada", service: str = ROOT) -> MemoryRing:
    ring.set_password(service, username, password)
    return ring


def answer(service: str = ROOT, username: str | None = None) -> tuple[str, str] | None:
    own = IndexKeyring()  # type: ignore[no-untyped-call]
    found = own.get_credential(service, username)
    password = own.get_password(service, username or "ada")
    assert password == (found.password if found is not None else None) or username is None
    return (found.username, found.password) if found is not None else None


def test_it_ranks_below_all_and_not_at_all_alone(backends: list[KeyringBackend]) -> None:
    assert IndexKeyring.priority == -1.0
    backends.append(Absent())
    assert IndexKeyring.priority == -1.0
    backends.append(MemoryRing())
    assert IndexKeyring.priority == 0.1


def test_the_login_of_an_index_is_found_under_its_names(backends: list[KeyringBackend]) -> None:
    remembered.remember_username(ROOT, "ada")
    for service in (ROOT, f"{ROOT}simple/", "acme.example"):
        backends[2:] = [ring_with(MemoryRing(), "p", service=service)]
        assert answer() == ("ada", "p")
        assert answer(f"{ROOT}simple/widgets/", "ada") == ("ada", "p")
    assert answer(username="bob") is None
    assert answer("https://other.example/") is None
    backends[2:] = [ring_with(MemoryRing(), "p", service="https://other.example/")]
    assert answer() is None


def test_without_a_login_nothing_is_looked_up(backends: list[KeyringBackend]) -> None:
    backends.append(ring_with(MemoryRing(), "p"))
    assert answer() is None
    remembered.remember_username(ROOT, "ada")
    assert answer() == ("ada", "p")


def test_a_named_user_has_a_password_of_his_own(backends: list[KeyringBackend]) -> None:
    remembered.remember_username(ROOT, "ada")
    backends.append(ring_with(ring_with(MemoryRing(), "p"), "q", "bob"))
    assert (answer(), answer(username="bob")) == (("ada", "p"), ("bob", "q"))


def test_the_preferred_backend_answers_and_a_broken_one_hides_none(backends: list[KeyringBackend]) -> None:
    remembered.remember_username(ROOT, "ada")
    backends += [Broken(), ring_with(MemoryRing(), "of the last"), Preferred(), ring_with(Absent(), "never")]
    assert answer() == ("ada", "of the last")
    ring_with(backends[4], "of the first")  # type: ignore[arg-type]
    assert answer() == ("ada", "of the first")
    ring_with(backends[4], "")  # type: ignore[arg-type]
    assert answer() == ("ada", "of the last"), "an empty password is none"
    del backends[3:5]
    assert answer() is None


def test_a_failure_of_its_own_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> list[KeyringBackend]:
        raise RuntimeError("keyring is broken")

    remembered.remember_username(ROOT, "ada")
    monkeypatch.setattr(keyring_backend, "get_all_keyring", fail)
    assert answer() is None


def test_it_leaves_storing_and_deleting_to_others() -> None:
    own = IndexKeyring()  # type: ignore[no-untyped-call]
    with pytest.raises(NotImplementedError, match="stores none itself") as stored:
        own.set_password(ROOT, "ada", "p")
    with pytest.raises(NotImplementedError, match="deletes none itself") as deleted:
        own.delete_password(ROOT, "ada")
    for caught in (stored, deleted):
        assert isinstance(caught.value, NoKeyringError)
