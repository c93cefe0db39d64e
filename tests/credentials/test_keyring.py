"""The wait for a keyring: named only where there is one."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import TypeVar

import keyring as library
import pytest

from publisher.credentials import keyring

Result = TypeVar("Result")


@pytest.mark.parametrize(
    ("name", "waits"), [("fail Keyring", False), ("null Keyring", False), ("SecretService Keyring", True)]
)
def test_no_command_waits_for_a_keyring_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, name: str, *, waits: bool
) -> None:
    waited: list[str] = []

    def call(work: Callable[[], Result], what: str, _refusal: str, _hint: str) -> Result:
        waited.append(what)
        return work()

    monkeypatch.setattr(keyring, "call_patiently", call)
    monkeypatch.setattr(library, "get_keyring", lambda: SimpleNamespace(name=name))
    monkeypatch.setattr(library, "get_credential", lambda *_: None)
    assert keyring.find(["https://acme.example/"], None) is None
    assert any("unlocked" in what for what in waited) is waits
