"""The plug-in through which every program that asks keyring finds the credentials that `pypi-publish login` stored."""

from collections.abc import Sequence
from typing import NoReturn

from keyring.backend import KeyringBackend, get_all_keyring  # noqa: TID251 - a plug-in of keyring, loaded by keyring
from keyring.backends.chainer import ChainerBackend  # noqa: TID251
from keyring.credentials import Credential, SimpleCredential  # noqa: TID251
from keyring.errors import NoKeyringError  # noqa: TID251

AFTER_ALL_OTHERS = 0.1
NOT_AT_ALL = -1.0


class CannotStoreError(NoKeyringError, NotImplementedError):
    """
    Nothing can be stored here.

    keyring's chain goes on to the next backend at a NotImplementedError; where there is no chain, programs are
    prepared for a NoKeyringError.
    """


class _Priority:
    """
    The backend's rank: below all that save passwords; no rank if there are none.

    Without another backend it must not be chosen, because programs assume that an available keyring can store passwords
    (poetry then ignores its own file).
    """

    def __get__(self, instance: KeyringBackend | None, owner: type[KeyringBackend]) -> float:
        return AFTER_ALL_OTHERS if _holders() else NOT_AT_ALL


class IndexKeyring(KeyringBackend):
    """
    Answers for the indexes with a login on this machine, under every name that tools have for them.

    Other backends know an index only by the names that `login` stored (`IndexUrl.keyring_services`), and many need the
    user name. This one accepts any URL below the index's root and the bare host, and knows the user's name. It runs in
    other people's programs: it never prints, never raises, and looks up nothing for a host without a login.
    """

    name = "pypi-publish logins"
    viable = True  # as keyring's own chain: the rank is known only after all backends are constructed
    priority = _Priority()

    def get_password(self, service: str, username: str) -> str | None:
        """Return the password of a user of an index, or None."""
        found = self.get_credential(service, username)
        return found.password if found else None

    def get_credential(self, service: str, username: str | None) -> Credential | None:
        """Return the credentials of an index, of the user of its last login unless one is named, or None."""
        try:
            return _find(service, username)
        except Exception:  # noqa: BLE001 - a guest in another program: no answer is better than its end
            return None

    def set_password(self, service: str, username: str, password: str) -> NoReturn:  # noqa: ARG002 - the signature is keyring's
        """Leave storing to the other backends."""
        raise CannotStoreError("pypi-publish finds passwords in the other keyring backends and stores none itself.")

    def delete_password(self, service: str, username: str) -> NoReturn:  # noqa: ARG002 - the signature is keyring's
        """Leave deleting to the other backends."""
        raise CannotStoreError("pypi-publish finds passwords in the other keyring backends and deletes none itself.")


def _holders() -> Sequence[KeyringBackend]:
    """Return the backends that may hold passwords, the preferred one first."""
    others = (ring for ring in get_all_keyring() if not isinstance(ring, IndexKeyring | ChainerBackend))
    return sorted((ring for ring in others if ring.priority > 0), key=lambda ring: ring.priority, reverse=True)


def _find(service: str, username: str | None) -> Credential | None:
    # imported when a program asks for a password, not whenever it starts keyring
    from publisher.credentials.remembered import find_login  # noqa: PLC0415

    login = find_login(service, username)
    if login is None:
        return None
    for holder in _holders():
        for name in login.url.keyring_services:
            try:
                found = holder.get_credential(name, login.username)
            except Exception:  # noqa: BLE001, S112 - one broken backend does not hide what another holds
                continue
            if found is not None and found.password:
                return SimpleCredential(login.username, found.password)
    return None
