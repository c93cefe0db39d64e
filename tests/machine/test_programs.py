"""Other programs: how they are started, how long they may take, and the line that says why they failed."""

import os
import threading
from pathlib import Path

import pytest

from publisher.machine.programs import Outcome, find_program, run_program, stop_programs
from tests.helpers.stand_ins import SYSTEM_PATH, StandIns
from tests.helpers.waiting import eventually, is_running


@pytest.mark.parametrize(
    ("stdout", "stderr", "line"),
    [
        ("", "", "no output"),
        ("\n \n", "", "no output"),
        ("one\ntwo\n", "", "two"),
        ("out", "err", "err"),
        ("", "ERROR: no such file\n\n", "no such file"),
        ("", "error: no such file", "no such file"),
        ("", "cause: no route", "no route"),
        ("", "Terror: no such file", "Terror: no such file"),
        ("", "ERROR: refused\nWARNING: a new release\n[notice] update\n", "refused"),
        ("", "ERROR: refused\nhint: try again\nINFO: x\nSee https://pip.example/", "refused"),
        ("", "  ERROR:   refused  ", "refused"),
        ("", "WARNING: one\nhint: two", "hint: two"),  # nothing else was printed
        ("", "error: cause: both", "cause: both"),
        ("", "401 for https://ada:hidden@acme.example/", "401 for https://ada:****@acme.example/"),
    ],
)
def test_the_line_that_says_why(stdout: str, stderr: str, line: str) -> None:
    assert Outcome(1, stdout, stderr).last_line == line


def test_a_program_on_the_path_is_found(programs: StandIns) -> None:
    assert find_program("tool") is None
    assert find_program("tool") != programs.add("tool")
    assert find_program("tool") == programs.folder / "tool"


def test_output_and_exit_code_are_kept_apart(programs: StandIns) -> None:
    program = programs.add("tool", "echo out", "echo err >&2", "exit 3")
    assert run_program([program, "a b", Path("c")]) == Outcome(3, "out\n", "err\n")
    assert programs.calls("tool") == ["a b c"]
    assert run_program([programs.add("fine")]) == Outcome(0, "", "")


def test_output_that_is_not_unicode_is_replaced(programs: StandIns) -> None:
    program = programs.add("tool", r"printf '\377ok'", r"printf '\376no' >&2")
    assert run_program([program]) == Outcome(0, "\ufffdok", "\ufffdno")


def test_a_program_that_cannot_be_started_has_the_shell_s_code(tmp_path: Path) -> None:
    assert run_program([tmp_path / "absent"]) == Outcome(127, "", "No such file or directory")


def test_it_gets_input_folder_and_variables_and_none_of_ours(
    programs: StandIns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYPI_PUBLISH_PASSWORD", "hidden")
    monkeypatch.setenv("AUTH_TOKEN", "hidden")
    monkeypatch.setenv("PYPI_PUBLISH_INDEX_URL", "https://acme.example/")
    monkeypatch.setenv("KEPT", "kept")
    monkeypatch.setenv("CHANGED", "before")
    program = programs.add("tool", "read line", 'echo "$line $PWD $KEPT $CHANGED $ADDED"', "export -p")
    (tmp_path / "in").mkdir()
    outcome = run_program(
        [program], given="typed\n", folder=tmp_path / "in", environment={"ADDED": "new", "CHANGED": "after"}
    )
    assert outcome.stdout.splitlines()[0] == f"typed {tmp_path / 'in'} kept after new"
    assert "hidden" not in outcome.stdout
    assert "PYPI_PUBLISH" not in outcome.stdout


def test_its_own_variables_may_begin_like_ours_when_they_are_given(programs: StandIns) -> None:
    program = programs.add("tool", 'echo "$PYPI_PUBLISH_X"')
    assert run_program([program], environment={"PYPI_PUBLISH_X": "given"}).stdout == "given\n"


def test_a_program_has_a_session_of_its_own(programs: StandIns, monkeypatch: pytest.MonkeyPatch) -> None:
    program = programs.add("tool", 'ps -o sid= -p "$$"')
    monkeypatch.setenv("PATH", SYSTEM_PATH)
    session = run_program([program]).stdout.strip()
    assert session != str(os.getsid(0))


def test_one_that_waits_for_a_person_is_stopped_with_all_that_it_started(
    programs: StandIns, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = programs.add("tool", f"(sleep 60; touch {tmp_path / 'late'}) &", f"echo $! > {tmp_path / 'pid'}", "wait")
    monkeypatch.setenv("PATH", SYSTEM_PATH)
    assert run_program([program], time_limit=0.2) == Outcome(None, "", "")
    child = int((tmp_path / "pid").read_text())
    assert eventually(lambda: not is_running(child))


def test_all_running_programs_can_be_stopped(
    programs: StandIns, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = programs.add("tool", f"touch {tmp_path / 'began'}", "exec sleep 60")
    monkeypatch.setenv("PATH", SYSTEM_PATH)
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(run_program([program])))
    thread.start()
    assert eventually((tmp_path / "began").exists)
    stop_programs()
    thread.join(10)
    assert [outcome.code for outcome in outcomes] == [-9]
    stop_programs()  # none is left
