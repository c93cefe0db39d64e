"""Installers in general: finding one, judging its trial, and the order of its findings."""

from pathlib import Path

import pytest

from publisher.client.url import parse_index_url
from publisher.errors import ConfigurationError
from publisher.machine.candidate import Candidate
from publisher.machine.paths import Machine
from publisher.machine.programs import Outcome
from publisher.machine.tools.installer import (
    Examined,
    Fallback,
    InstalledTool,
    Trial,
    TypedCredentials,
    find_tool,
    how_to_configure,
    owned,
    report_passwords,
    report_trial,
)
from publisher.machine.tools.tool import ConfiguredIndex, Setup
from publisher.secret import Credentials, Secret
from tests.helpers.findings import run_check
from tests.helpers.installers import MadeUpInstaller
from tests.helpers.stand_ins import StandIns

URL = parse_index_url("https://acme.example/")
TOOL = InstalledTool("uv", Path("/bin/uv"), "0.9.1")
WIDGETS = Candidate("widgets", "1.10", frozenset({"1.9", "1.10"}))


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("pip 25.0 from /usr/lib (python 3.11)", "25.0"),
        ("uv 0.9.1 (abc 2026-01-01)", "0.9.1"),
        ("Poetry (version 2.1.3)", "2.1.3"),
        ("PDM, version 2.29.3", "2.29.3"),
        ("twine version 7.0.0 (keyring: 25.7.0)", "7.0.0"),
        ("tool 1.2rc1, with 3.4", "1.2rc1"),
    ],
)
def test_a_program_is_found_with_its_version(programs: StandIns, printed: str, version: str) -> None:
    program = programs.add("tool", f"echo '{printed}'")
    findings, tool = run_check(find_tool("tool"))
    assert (findings, tool) == ([], InstalledTool("tool", program, version))
    assert programs.calls("tool") == ["--version"]
    assert str(tool) == f"tool {version}"


@pytest.mark.parametrize("lines", [["echo 1.2", "exit 1"], ["echo version seven"], ["echo 7"]])
def test_a_program_without_a_version_does_not_start(programs: StandIns, lines: list[str]) -> None:
    program = programs.add("tool", *lines)
    (finding,), tool = run_check(find_tool("tool"))
    assert tool is None
    assert (finding.check, finding.verdict.value) == ("tool", "problem")
    assert finding.what.startswith("tool does not start: ")
    assert finding.remedy == f"Install {program} again."


@pytest.mark.usefixtures("programs")
def test_an_absent_program_is_no_finding() -> None:
    assert run_check(find_tool("tool")) == ([], None)


def _trial(code: int | None, version: str | None, reason: str | None = None) -> Trial:
    return Trial(Outcome(code, "", "ERROR: no luck"), version, "Read the log.", reason)


@pytest.mark.parametrize(
    ("trial", "failure"),
    [
        (_trial(0, "1.10"), None),
        (_trial(0, "1.9"), None),
        (_trial(0, "1.9.0"), None),  # the same version
        (_trial(0, "1.11"), "takes widgets 1.11 from another index; this one has 1.10"),
        (_trial(1, "1.11"), "takes widgets 1.11 from another index; this one has 1.10"),
        (_trial(1, "1.10"), "can't download widgets: no luck"),
        (_trial(0, None), "can't download widgets: no luck"),
        (_trial(0, None, "it crashes"), "can't download widgets: it crashes"),
        (_trial(None, None), "timed out downloading widgets"),
        (_trial(None, "1.11"), "timed out downloading widgets"),
    ],
)
def test_why_a_trial_failed(trial: Trial, failure: str | None) -> None:
    assert trial.failure(WIDGETS) == failure


@pytest.mark.parametrize(
    ("trial", "level", "what", "remedy"),
    [
        (_trial(0, "1.9"), "ok", "uv 0.9.1 gets widgets 1.9 from this index.", None),
        (_trial(1, None), "problem", "uv 0.9.1 can't download widgets: no luck", "Read the log."),
        (_trial(None, "2"), "problem", "uv 0.9.1 timed out downloading widgets", "Read the log."),
        (
            _trial(0, "2"),
            "problem",
            "uv 0.9.1 takes widgets 2 from another index; this one has 1.10.",
            "Before you install anything: `pypi-publish config uv --write`",
        ),
        (
            _trial(1, None, "another index"),
            "problem",
            "uv 0.9.1 can't download widgets: another index",
            "Read the log.",
        ),
    ],
)
def test_a_trial_is_judged_with_a_remedy(trial: Trial, level: str, what: str, remedy: str | None) -> None:
    found = report_trial(TOOL, WIDGETS, trial)
    assert (found.check, found.verdict.value, found.what, found.remedy) == ("uv-trial", level, what, remedy)


def test_only_urls_with_a_password_are_warned_of() -> None:
    indexes = [
        ConfiguredIndex("https://ada@acme.example/", "one"),
        ConfiguredIndex("https://ada:hidden@acme.example/", "two"),
        ConfiguredIndex("https://acme.example/", "three", secret_beside=True),
    ]
    (found,) = report_passwords(TOOL, indexes)
    assert (found.check, found.verdict.value) == ("uv-secret", "warning")
    assert found.what.startswith("two has a password in a URL")
    assert found.remedy == f"Remove it; with the password in keyring: {how_to_configure('uv')}"
    assert "hidden" not in repr(found)


def test_the_indexes_that_are_the_examined_one(machine: Machine) -> None:
    urls = ["https://other.example/", "https://acme.example/simple/", "https://ada@acme.example/"]
    indexes = [ConfiguredIndex(url, "") for url in urls]
    examined = Examined(machine, Setup(URL, "acme"), None)
    assert owned(indexes, examined) == indexes[1:]
    assert dict(examined.environment) == {}
    assert "hidden" not in repr(Examined(machine, Setup(URL, "acme"), None, {"PASSWORD": "hidden"}))
    assert "hidden" not in repr(Fallback("x", {"PASSWORD": "hidden"}))


GOT = _trial(0, "1.10")


def _examine(
    machine: Machine, tool: MadeUpInstaller, candidate: Candidate | None = WIDGETS
) -> tuple[list[tuple[str, str]], bool | None]:
    found, uses_it = run_check(tool.examine(Examined(machine, Setup(URL, "acme"), candidate)))
    return [(each.check, each.verdict.value) for each in found], uses_it


def test_an_absent_installer_uses_nothing(machine: Machine, programs: StandIns) -> None:
    assert _examine(machine, MadeUpInstaller({})) == ([], None)
    programs.add("made-up", "exit 1")
    assert _examine(machine, MadeUpInstaller({})) == ([("made-up", "problem")], None)


def test_an_installer_whose_configuration_cannot_be_read(machine: Machine, programs: StandIns) -> None:
    programs.add("made-up", "echo 2.3")
    tool = MadeUpInstaller({}, ConfigurationError("It is broken.", hint="Fix it."))
    (found,), uses_it = run_check(tool.examine(Examined(machine, Setup(URL, "acme"), WIDGETS)))
    assert uses_it is False
    assert found.what == "made-up 2.3 has an unreadable configuration: It is broken."
    assert (found.verdict.value, found.remedy) == ("problem", "Fix it.")


def test_an_installer_of_the_index_is_tried(machine: Machine, programs: StandIns) -> None:
    programs.add("made-up", "echo 2.3")
    tool = MadeUpInstaller({"": GOT})
    assert _examine(machine, tool) == ([("made-up", "ok"), ("made-up-trial", "ok")], True)
    assert _examine(machine, tool, None) == ([("made-up", "ok")], True)
    tool.leak = "it asks everyone"
    found, _ = run_check(tool.examine(Examined(machine, Setup(URL, "acme"), None)))
    assert [each.what for each in found] == [
        "made-up 2.3 uses this index, from made-up 2.3.",
        "made-up 2.3 could install a stranger's package: it asks everyone.",
    ]
    assert (found[1].check, found[1].verdict.value) == ("made-up-leak", "warning")
    assert found[1].remedy == "`pypi-publish config made-up --write`"


def test_an_installer_of_other_indexes_gets_a_remedy_and_no_trial(machine: Machine, programs: StandIns) -> None:
    programs.add("made-up", "echo 2.3")
    tool = MadeUpInstaller({})
    tool.leak = "it asks everyone"
    tool.indexes = [ConfiguredIndex("https://a.example/", ""), ConfiguredIndex("https://ada:x@b.example/", "file")]
    found, uses_it = run_check(tool.examine(Examined(machine, Setup(URL, "acme"), WIDGETS)))
    assert uses_it is False
    assert [(each.check, each.verdict.value) for each in found] == [("made-up", "note"), ("made-up-secret", "warning")]
    assert found[0].what == (
        "made-up 2.3 does not use this index: it installs from https://a.example/ and https://ada:****@b.example/."
    )
    assert found[0].remedy == "`pypi-publish config made-up --write`"
    tool.indexes = []
    (found_,), _ = run_check(tool.examine(Examined(machine, Setup(URL, "acme"), WIDGETS)))
    assert found_.what.endswith("it installs from no index.")
    typed = TypedCredentials(Credentials("ada", Secret("x"), "typed"), Path("netrc"), "widgets")
    assert list(tool.fallbacks(TOOL, [], Examined(machine, Setup(URL, "acme"), None), typed)) == []
