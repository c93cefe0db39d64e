"""The commands that install from the index, tried with installers of the test's own."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from publisher.client.url import parse_index_url
from publisher.errors import ConfigurationError
from publisher.machine import first_install
from publisher.machine.candidate import Candidate
from publisher.machine.first_install import FirstInstall, try_installs
from publisher.machine.paths import Machine
from publisher.machine.programs import Outcome
from publisher.machine.tools.installer import Examined, Fallback, InstalledTool, Trial, TypedCredentials
from publisher.machine.tools.netrc import Netrc
from publisher.machine.tools.tool import ConfiguredIndex, Setup
from publisher.secret import Credentials, Secret
from tests.helpers.installers import MadeUpInstaller
from tests.helpers.stand_ins import StandIns

if TYPE_CHECKING:
    from pathlib import Path

ADA = Credentials("ada", Secret("correct"), "typed")
WIDGETS = Candidate("widgets", "1.1", frozenset({"1.0", "1.1"}))
GOT = Trial(Outcome(0, "", ""), "1.1", "no hint")
REFUSED = Trial(Outcome(1, "", "ERROR: 401"), None, "Log in.")
STRANGER = Trial(Outcome(0, "", ""), "9.9", "Name the index.")


class MadeUp(MadeUpInstaller):
    """An installer with two other commands, whose trials have the variable MODE."""

    def __init__(self, name: str, trials: Mapping[str, Trial], error: ConfigurationError | None = None) -> None:
        super().__init__(trials, error)
        self.name = name  # type: ignore[misc]  # one class, several tools
        self.netrc: list[tuple[str, int]] = []
        self.places: list[Path] = []

    def fallbacks(
        self, tool: InstalledTool, asked: Sequence[ConfiguredIndex], examined: Examined, typed: TypedCredentials
    ) -> Sequence[Fallback]:
        del tool, asked, examined
        self.netrc.append((typed.netrc.read_text(), typed.netrc.stat().st_mode & 0o777))
        self.places.append(typed.netrc)
        assert typed.credentials == ADA
        return [Fallback(f"{mode} {typed.package}", {"MODE": mode}, f"note {mode}") for mode in ("first", "second")]


@pytest.fixture
def programs(programs: StandIns) -> StandIns:
    programs.add("made-up", "echo made-up 2.3")
    return programs


def _try(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, *tools: Any, candidate: Candidate | None = WIDGETS
) -> list[FirstInstall]:
    monkeypatch.setattr(first_install, "TOOLS", {tool.name: tool for tool in tools})
    setup = Setup(parse_index_url("https://acme.example/"), "acme", "ada")
    return list(try_installs(Examined(machine, setup, candidate), ADA))


COMMAND = "made-up get widgets from https://acme.example/simple/"


@pytest.mark.usefixtures("programs")
def test_a_command_that_works_is_shown_as_tried(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = MadeUp("a", {"": GOT})
    (found,) = _try(machine, monkeypatch, tool)
    assert found == FirstInstall("a", COMMAND, tried=True)
    assert found.works
    assert not tool.netrc  # no password is written for it


@pytest.mark.usefixtures("programs")
def test_without_a_package_the_command_is_shown_untried(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = _try(machine, monkeypatch, MadeUp("a", {}), candidate=None)
    assert found == FirstInstall("a", COMMAND.replace("widgets", "PACKAGE"))
    assert not found.tried
    assert not found.works


@pytest.mark.usefixtures("programs")
@pytest.mark.parametrize(("first", "expected"), [(GOT, "first"), (REFUSED, "second")])
def test_a_tool_that_finds_no_password_gets_the_first_other_command_that_works(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, first: Trial, expected: str
) -> None:
    tool = MadeUp("a", {"": REFUSED, "first": first, "second": GOT})
    (found,) = _try(machine, monkeypatch, tool)
    assert found == FirstInstall("a", f"{expected} widgets", tried=True, note=f"note {expected}")
    ((netrc, mode),) = tool.netrc
    assert netrc.split()[:2] == ["machine", "acme.example"]
    assert "correct" in netrc
    assert mode == 0o600
    assert not tool.places[0].exists()


@pytest.mark.usefixtures("programs")
def test_where_no_command_works_the_first_failure_is_reported(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (found,) = _try(machine, monkeypatch, MadeUp("a", {"": REFUSED, "first": REFUSED, "second": REFUSED}))
    failure = "made-up 2.3 can't download widgets: 401"
    assert found == FirstInstall("a", COMMAND, tried=True, failure=failure, hint="Log in.")
    assert not found.works


@pytest.mark.usefixtures("programs")
def test_a_stranger_s_package_is_no_matter_of_passwords(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = MadeUp("a", {"": STRANGER, "first": GOT})
    (found,) = _try(machine, monkeypatch, tool)
    assert found.failure == "made-up 2.3 takes widgets 9.9 from another index; this one has 1.1"
    assert (found.hint, tool.netrc) == ("Name the index.", [])


@pytest.mark.usefixtures("programs")
def test_a_configuration_that_cannot_be_read_is_reported(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    error = ConfigurationError("It is broken.", hint="Fix it.")
    assert _try(machine, monkeypatch, MadeUp("a", {}, error)) == [
        FirstInstall("a", None, failure="It is broken.", hint="Fix it.")
    ]


def test_a_tool_that_does_not_start_is_reported(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, programs: StandIns
) -> None:
    program = programs.add("made-up", "echo broken >&2", "exit 1")
    (found,) = _try(machine, monkeypatch, MadeUp("a", {}))
    assert found.failure == "made-up does not start: broken."
    assert found.hint == f"Install {program} again."
    assert (found.command, found.tried) == (None, False)


@pytest.mark.usefixtures("programs")
def test_installers_of_this_machine_are_tried_in_their_order(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    class Absent(MadeUp):
        command: ClassVar[str] = "absent"

    tools = [
        MadeUp("b", {"": GOT}),
        Absent("c", {"": GOT}),
        Netrc(),
        MadeUp("a", {"": REFUSED} | dict.fromkeys(("first", "second"), REFUSED)),
    ]
    assert [found.tool for found in _try(machine, monkeypatch, *tools)] == ["b", "a"]


def test_a_trial_that_was_not_made_does_not_work() -> None:
    made = FirstInstall("a", "x", tried=True)
    assert (made.works, made._replace(tried=False).works, made._replace(failure="no").works) == (True, False, False)


@pytest.mark.usefixtures("programs")
def test_an_interruption_stops_the_programs_of_all_trials(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(MadeUp):
        def asked(self, tool: InstalledTool, examined: Examined) -> Sequence[ConfiguredIndex]:
            raise KeyboardInterrupt(tool, examined)

    stopped = []
    monkeypatch.setattr(first_install, "stop_programs", lambda: stopped.append(True))
    with pytest.raises(KeyboardInterrupt):
        _try(machine, monkeypatch, Interrupted("a", {}))
    assert stopped == [True]
