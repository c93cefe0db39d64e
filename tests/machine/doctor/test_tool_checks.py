"""The checks of all tools together: the package that they are tried with, their order, and the verdict on them."""

from typing import Any, ClassVar

import pytest

from publisher.client.models import Account
from publisher.client.url import parse_index_url
from publisher.errors import IndexUnavailableError
from publisher.machine.candidate import Candidate
from publisher.machine.doctor import tools
from publisher.machine.doctor.credentials import Accepted
from publisher.machine.doctor.tools import check_tools
from publisher.machine.paths import Machine
from publisher.machine.programs import Outcome
from publisher.machine.tools.installer import Examined, Trial
from publisher.machine.tools.netrc import Netrc
from publisher.machine.tools.tool import ConfiguredIndex
from publisher.secret import Credentials, Secret
from tests.helpers.installers import MadeUpInstaller
from tests.helpers.stand_ins import StandIns

URL = parse_index_url("https://acme.example/")
ACCEPTED = Accepted(Credentials("ada", Secret("x"), "keyring"), Account("ada", None))
WIDGETS = Candidate("widgets", "1.1", frozenset({"1.1"}))
GOT = Trial(Outcome(0, "", ""), "1.1", "")


class Absent(MadeUpInstaller):
    name: ClassVar[str] = "absent"
    command: ClassVar[str] = "absent"


@pytest.fixture
def elsewhere() -> MadeUpInstaller:
    """An installer that asks another index."""
    tool = MadeUpInstaller({})
    tool.indexes = [ConfiguredIndex("https://other.example/", "")]
    return tool


@pytest.fixture
def machine(machine: Machine, programs: StandIns) -> Machine:
    programs.add("made-up", "echo made-up 2.3")
    return machine


def _check(
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    *used: Any,
    accepted: Accepted | None = ACCEPTED,
    candidate: tuple[Candidate | None, bool] | Exception = (WIDGETS, False),
) -> list[tuple[str, str]]:
    def find(url: object, credentials: Credentials) -> tuple[Candidate | None, bool]:
        assert (url, credentials) == (URL, ACCEPTED.credentials)
        if isinstance(candidate, Exception):
            raise candidate
        return candidate

    monkeypatch.setattr(tools, "find_candidate", find)
    monkeypatch.setattr(tools, "TOOLS", {str(number): tool for number, tool in enumerate(used)})
    return [(found.check, found.verdict.value) for found in check_tools(URL, machine, accepted)]


def test_each_installer_is_tried_with_a_package_of_the_index(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = MadeUpInstaller({"": GOT})
    assert _check(machine, monkeypatch, tool, Netrc(), Absent({})) == [("made-up", "ok"), ("made-up-trial", "ok")]


def test_without_accepted_credentials_nothing_is_tried(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _check(machine, monkeypatch, MadeUpInstaller({}), accepted=None) == [("made-up", "ok")]


@pytest.mark.parametrize(
    ("is_empty", "words"),
    [
        (True, "The index is empty, so no tool could be tried."),
        (False, "The index has no wheel for every platform, so no tool could be tried."),
    ],
)
def test_without_a_package_nothing_is_tried(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, *, is_empty: bool, words: str
) -> None:
    monkeypatch.setattr(tools, "TOOLS", {})
    monkeypatch.setattr(tools, "find_candidate", lambda _url, _credentials: (None, is_empty))
    (found,) = check_tools(URL, machine, ACCEPTED)
    assert (found.check, found.verdict.value, found.what) == ("candidate", "note", words)


def test_an_index_that_fails_is_a_problem_and_the_tools_are_still_read(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = IndexUnavailableError("It broke off.", hint="Again.")
    assert _check(machine, monkeypatch, MadeUpInstaller({}), candidate=error) == [
        ("candidate", "problem"),
        ("made-up", "ok"),
    ]


def test_a_machine_without_a_tool_that_uses_the_index_is_warned(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, elsewhere: MadeUpInstaller
) -> None:
    assert _check(machine, monkeypatch, elsewhere, Absent({})) == [("made-up", "note"), ("configured", "warning")]
    assert _check(machine, monkeypatch, elsewhere, MadeUpInstaller({"": GOT}))[-1] == ("made-up-trial", "ok")
    assert _check(machine, monkeypatch, Absent({})) == []


def test_an_interruption_stops_the_programs_of_all_tools(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(MadeUpInstaller):
        def risk(self, asked: Any, examined: Examined) -> str | None:
            raise KeyboardInterrupt(asked, examined)

    stopped = []
    monkeypatch.setattr(tools, "stop_programs", lambda: stopped.append(True))
    with pytest.raises(KeyboardInterrupt):
        _check(machine, monkeypatch, Interrupted({}))
    assert stopped == [True]
