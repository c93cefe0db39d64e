"""Messages, results and commands: where each is printed, and in which form."""

import io
import sys
from pathlib import Path

import click
import pytest

from publisher.cli.display import output as module
from publisher.cli.display.diff import show_diff
from publisher.cli.display.folded import FoldingObserver
from publisher.cli.display.lines import LineObserver, shown_name
from publisher.cli.display.output import Output, can_rewrite_lines, current_output, wanted_color
from publisher.cli.display.progress import make_observer
from publisher.client.url import parse_index_url
from publisher.errors import ConfigurationError
from publisher.project.distributions import read_distribution
from publisher.publish.events import Observer
from publisher.secret import Credentials, Secret
from tests.helpers.dists import make_wheel
from tests.helpers.shown import make_runner, running


def _output(verbosity: int = 0, runner: object = None) -> Output:
    return Output(verbosity, runner=runner)  # type: ignore[arg-type]  # a runner or none


@pytest.mark.parametrize(
    ("verbosity", "is_quiet", "shows_build_output", "shows_tracebacks"),
    [
        (-2, True, False, False),
        (-1, True, False, False),
        (0, False, False, False),
        (1, False, True, False),
        (2, False, True, True),
        (3, False, True, True),
    ],
)
def test_each_v_shows_more(verbosity: int, *, is_quiet: bool, shows_build_output: bool, shows_tracebacks: bool) -> None:
    output = _output(verbosity)
    assert (output.is_quiet, output.shows_build_output, output.shows_tracebacks) == (
        is_quiet,
        shows_build_output,
        shows_tracebacks,
    )


def test_a_runner_folds_the_output_of_builds_so_it_is_shown(tmp_path: Path) -> None:
    assert _output(-1, make_runner(tmp_path)).shows_build_output is True


def test_messages_are_on_stderr_and_results_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    output = _output()
    output.say("message")
    output.note("Label", "text")
    output.line("line")
    output.waiting("git")
    output.warn("careful")
    output.result("result")
    output.result("more", nl=False)
    shown = capsys.readouterr()
    assert shown.out == "result\nmore"
    assert shown.err.splitlines() == ["message", "Label text", "line", "   Waiting for git", "warning: careful"]


def test_a_quiet_run_prints_results_and_failures_only(capsys: pytest.CaptureFixture[str]) -> None:
    output = _output(-1)
    for report in (output.say, output.line, output.waiting, output.warn):
        report("text")
    output.note("Label", "text")
    output.failure(ConfigurationError("wrong", hint="right"))
    output.result("result")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("result\n", "error: wrong\nhint: right\n")


def test_a_failure_without_a_remedy_has_no_hint(capsys: pytest.CaptureFixture[str]) -> None:
    _output().failure(ConfigurationError("first\nsecond"))
    assert capsys.readouterr().err == "error: first\nsecond\n"


def test_foreign_characters_steer_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output = _output()
    output.say("a\x1b[2Jb")
    output.failure(ConfigurationError("c\rd"))
    output.block("e\x1b[31mf\x1b[0m\rg\nh")
    assert capsys.readouterr().err.splitlines() == ["a\\x1b[2Jb", "error: c\\rd", "  │ ef\\rg", "  │ h"]


def test_a_runner_gets_commands_and_a_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runner = make_runner(tmp_path)
    output = _output(-1, runner)
    output.warn("careful\nhere")
    output.hide(Secret("p%w\nq"))
    output.failure(ConfigurationError("wrong <b>", hint="right", path=tmp_path / "pyproject.toml", line=3))
    assert capsys.readouterr().err.splitlines() == [
        "::warning title=Warning::careful%0Ahere",
        "::add-mask::p%25w",
        "::add-mask::q",
        "::error title=Invalid configuration,file=pyproject.toml,line=3::wrong <b>%0Aright",
    ]
    summary = (tmp_path / "summary").read_text()
    assert summary == "### ❌ Invalid configuration\n\n<pre>\nwrong &lt;b&gt;\nright\n</pre>\n\n"


def test_without_a_runner_a_secret_is_not_printed_to_be_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    _output().hide(Secret("pw"))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("text", ["::error::x", "  ::stop-commands::x", "##[error]x", "a\n::error::x"])
def test_no_message_is_a_command_to_the_runner(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    _output(0, make_runner(tmp_path)).say(text)
    shown = capsys.readouterr().err
    assert not [line for line in shown.splitlines() if line.lstrip().startswith(("::", "##["))]
    assert shown.replace("\\", "") == f"{text}\n"
    _output().say(text)
    assert capsys.readouterr().err == f"{text}\n"


def test_while_there_is_a_live_display_lines_go_above_it(capsys: pytest.CaptureFixture[str]) -> None:
    above: list[str] = []
    output = _output()
    output.above = above.append
    output.line("line")
    output.result("result")
    assert above == ["line"]
    assert capsys.readouterr() == ("result\n", "")


def test_a_message_that_can_not_be_printed_fails_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stderr", Full())
    _output().say("message")


def test_a_reader_of_results_that_has_gone_ends_the_run_with_0(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Gone())
    with pytest.raises(click.exceptions.Exit) as caught:
        _output().result("result")
    assert caught.value.exit_code == 0


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, None),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, None),
        ({"TERM": "dumb"}, False),
        ({"TERM": "xterm"}, None),
        ({"NO_COLOR": "1", "TERM": "xterm"}, False),
    ],
)
def test_colors_are_left_out_where_they_are_unwanted(environment: dict[str, str], wanted: bool | None) -> None:  # noqa: FBT001 - a test's parameter
    assert wanted_color(environment) is wanted


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines_are_rewritten_on_terminals_that_can(monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_rewrite_lines({"TERM": "xterm"}) is False
    monkeypatch.setattr(sys, "stderr", _Terminal())
    assert can_rewrite_lines({"TERM": "xterm"}) is True
    assert can_rewrite_lines({}) is True
    assert can_rewrite_lines({"TERM": "dumb"}) is False
    assert can_rewrite_lines({"TERM": "unknown"}) is False
    monkeypatch.setattr(sys, "stderr", None)
    assert can_rewrite_lines({"TERM": "xterm"}) is False


def test_on_a_terminal_messages_wrap_behind_their_label(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "40")
    _output().paragraph("word " * 12, "error:", "red")
    lines = click.unstyle(terminal.getvalue()).splitlines()
    assert len(lines) > 1
    assert lines[0].startswith("error: word")
    assert all(line.startswith("       word") for line in lines[1:])
    assert terminal.getvalue().startswith("\x1b[31m\x1b[1merror:\x1b[0m word")


def test_the_settings_are_those_of_the_command_that_runs() -> None:
    with running(verbosity=2) as output:
        assert current_output() is output


def test_the_display_fits_where_it_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(make_observer(_output())) is LineObserver
    assert type(make_observer(_output(-1))) is Observer
    assert type(make_observer(_output(-1, make_runner(tmp_path)))) is FoldingObserver
    monkeypatch.setattr("publisher.cli.display.progress.can_rewrite_lines", lambda _: True)
    assert type(make_observer(_output())).__name__ == "LiveObserver"
    assert type(make_observer(_output(-1))) is Observer


def test_each_step_of_a_run_is_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wheel = read_distribution(make_wheel(tmp_path))
    observer = LineObserver(_output())
    observer.building(Path("project"))
    observer.output(Path("project"), b"built \xc3")
    observer.output(Path("project"), b"\xa4\r\nmore\rand\x1b[31m\x07\n")
    observer.built(Path("project"), [Path("dist/a.whl"), Path("dist/b.tar.gz")])
    observer.checked([wheel], ["a warning"])
    observer.checked([wheel, wheel], [])
    observer.connected(parse_index_url("https://acme.example/"), Credentials("ada", Secret("x"), "keyring"))
    observer.sending("a.whl", 2048)(1024)
    with observer.attempting("a.whl"):
        observer.retrying("a.whl", "no answer.", 1.25)
    observer.sent("a.whl")
    observer.warned("a problem")
    shown = capsys.readouterr().err
    lines = [line if " in 0." not in line else line.rpartition(" in ")[0] for line in shown.splitlines()]
    assert lines == [
        "  Building project",
        "built ä",
        "more",
        "and\\x07",
        "     Built a.whl, b.tar.gz",
        "warning: a warning",
        "   Checked 1 file: names, contents, metadata, description",
        "   Checked 2 files: names, contents, metadata, description",
        "     Index https://acme.example/ as ada (from keyring)",
        "warning: a.whl: no answer; retrying in 1.2 s",
        "  Uploaded a.whl (2.0 kB)",
        "warning: a problem",
    ]


def test_the_current_folder_is_shown_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "acme").mkdir()
    monkeypatch.chdir(tmp_path / "acme")
    assert shown_name(Path()) == "acme"
    assert shown_name(Path("below")) == "below"
    assert shown_name("a.whl") == "a.whl"


def test_a_build_is_folded_and_nothing_in_it_is_a_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    observer = FoldingObserver(_output(0, make_runner(tmp_path)))
    observer.building(Path("a"))
    observer.output(Path("a"), b"::error::x\n")
    observer.output(Path("a"), b"more\n")
    observer.built(Path("a"), [Path("a.whl")])
    observer.close()
    _, group, begin, *text, end, end_group, built = capsys.readouterr().err.splitlines()
    assert group == "::group::The build of a in full"
    assert begin.startswith("::stop-commands::")
    assert text == ["::error::x", "more"]
    assert (end, end_group) == (f"::{begin.removeprefix('::stop-commands::')}::", "::endgroup::")
    assert "a.whl" in built


def test_a_build_that_failed_leaves_no_open_group(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    observer = FoldingObserver(_output(0, make_runner(tmp_path)))
    observer.output(Path("a"), b"x\n")
    observer.close()
    observer.close()
    observer.output(Path("b"), b"y\n")
    observer.close()
    lines = capsys.readouterr().err.splitlines()
    assert lines.count("::endgroup::") == 2
    assert sum(line.startswith("::group::") for line in lines) == 2
    assert len({line for line in lines if line.startswith("::stop-commands::")}) == 2


def test_a_password_is_hidden_as_itself_and_as_it_is_in_requests(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    observer = FoldingObserver(_output(0, make_runner(tmp_path)))
    observer.connected(parse_index_url("https://acme.example/"), Credentials("ada", Secret("p/ß"), "keyring"))
    *masks, connected = capsys.readouterr().err.splitlines()
    assert masks == ["::add-mask::p/ß", "::add-mask::p%252F%25C3%259F", "::add-mask::YWRhOnAvw58="]
    assert "as ada (from keyring)" in connected


def test_a_diff_has_colors_by_the_first_character(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    output = _output()
    monkeypatch.setattr(output, "above", lines.append)
    show_diff(["--- a", "+++ b", "@@ -1 +1 @@", "-old", "+new", " same", ""], output)
    assert list(map(click.unstyle, lines)) == ["--- a", "+++ b", "@@ -1 +1 @@", "-old", "+new", " same", "", ""]
    styles = [line.partition(text)[0] for line, text in zip(lines, ["---", "+++", "@@", "-old", "+new"], strict=False)]
    assert styles == ["\x1b[31m\x1b[1m", "\x1b[32m\x1b[1m", "\x1b[36m\x1b[22m", "\x1b[31m\x1b[22m", "\x1b[32m\x1b[22m"]


def test_labels_are_aligned_to_the_right() -> None:
    assert len("Unchanged ") == module.LABEL_WIDTH
