"""A loss that is confirmed in the folders of an index, and its place in the audit trail."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from publisher.errors import ConfigurationError
from publisher.server.auth.principal import Principal, PrincipalKind
from publisher.server.confirming import confirm_loss_of
from publisher.server.store.ledger import Confirmation
from tests.helpers.dists import make_wheel

ADA = Principal("ada", PrincipalKind.LOCAL)


def confirm(folder: Path, state: Path | None = None) -> Confirmation:
    return asyncio.run(confirm_loss_of(folder / "packages", folder / "accounts" / "htpasswd", state, ADA))


def events(folder: Path) -> list[dict[str, Any]]:
    lines = [line for path in sorted((folder / "accounts/audit").rglob("*")) for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folders of an index that owns two names."""
    for name in ("packages", "accounts"):
        (tmp_path / name).mkdir()
    for name in ("owned", "gone"):
        make_wheel(tmp_path / "packages", name)
    found = confirm(tmp_path)
    assert (found.lost, found.names) == (False, 2)
    return tmp_path


def lose_packages(folder: Path) -> None:
    (folder / "packages").rename(folder / "lost")
    (folder / "packages").mkdir()


def test_nothing_is_recorded_while_nothing_is_lost(folder: Path) -> None:
    assert not confirm(folder).lost
    assert events(folder) == []


def test_a_loss_is_confirmed_once_and_recorded_with_the_number_of_names(folder: Path) -> None:
    lose_packages(folder)
    found = confirm(folder)
    assert (found.lost, found.names) == (True, 2)
    (event,) = events(folder)
    assert (event["what"], event["user"], event["kind"], event["names"]) == ("loss-confirmed", "ada", "local", 2)
    again = confirm(folder)
    assert (again.lost, again.names) == (False, 2)
    assert len(events(folder)) == 1


def test_the_list_may_lie_elsewhere(tmp_path: Path) -> None:
    for name in ("packages", "accounts", "elsewhere"):
        (tmp_path / name).mkdir()
    state = tmp_path / "elsewhere" / "names"
    make_wheel(tmp_path / "packages", "owned")
    assert confirm(tmp_path, state).names == 1
    assert state.exists()
    assert not (tmp_path / "accounts" / "htpasswd.state").exists()


def test_a_loss_that_can_not_be_confirmed_says_why(folder: Path) -> None:
    lose_packages(folder)
    state = folder / "accounts" / "htpasswd.state"
    state.unlink()
    state.mkdir()
    with pytest.raises(ConfigurationError, match=r"^The loss can't be confirmed: ."):
        confirm(folder)
    assert events(folder) == []


def test_a_loss_that_can_not_be_recorded_is_confirmed_nevertheless(folder: Path) -> None:
    lose_packages(folder)
    (folder / "accounts" / "audit").write_text("no folder")
    with pytest.raises(ConfigurationError, match=r"^The loss is confirmed, but not in the audit trail: ."):
        confirm(folder)
    assert not confirm(folder).lost
