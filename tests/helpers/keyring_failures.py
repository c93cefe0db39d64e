"""Keyring backends that fail as real ones do, for PYTHON_KEYRING_BACKEND."""

import os
import subprocess
import time

from keyring.credentials import SimpleCredential
from keyring.errors import KeyringLocked, NoKeyringError, PasswordSetError

from publisher.machine.demo_keyring import DemoKeyring
from publisher.waiting import SHOWN_AFTER


class KeepsTheOld(DemoKeyring):
    """Takes only the password in the variable REFUSED_ALL_BUT: as a keychain that locks itself in between."""

    def set_password(self, service: str, username: str, password: str) -> None:
        if password != os.environ["REFUSED_ALL_BUT"]:
            raise PasswordSetError("the keychain was locked in between")
        super().set_password(service, username, password)


class ReadOnly(DemoKeyring):
    """Gives and does not take."""

    def set_password(self, service: str, username: str, password: str) -> None:
        del service, username, password
        raise PasswordSetError("it is read-only")


class Locked(DemoKeyring):
    """Is there and gives nothing."""

    def get_credential(self, service: str, username: str | None) -> None:
        del service, username
        raise KeyringLocked("the keychain is locked")


class Slow(DemoKeyring):
    """Gives nothing, a little later than a wait is shown."""

    def get_credential(self, service: str, username: str | None) -> None:
        del service, username
        time.sleep(SHOWN_AFTER + 0.1)
        raise NoKeyringError("nothing is in it")


class Chatty(DemoKeyring):
    """Prints to standard output, as plug-ins that start programs do."""

    def get_credential(self, service: str, username: str | None) -> SimpleCredential | None:
        print("a word from Python")  # noqa: T201 - that is the fault
        subprocess.run(["echo", "a word from a program"], check=True)
        return super().get_credential(service, username)
