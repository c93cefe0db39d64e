"""The display: wrapped messages, progress lines that fit, plain text where it is asked for."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from publisher.cli.display.columns import fit_columns
from publisher.cli.display.wrap import wrap
from publisher.cli.main import group
from tests.helpers.dists import make_wheel
from tests.helpers.tool import pypi_publish

COMMAND = [sys.executable, "-m", "publisher.cli.main"]
NAMES = ["a.whl", "acme_widgets-1.0-py3-none-any.whl", "acme_analytics_platform_connectors_enterprise-1.0.0-any.whl"]


@pytest.mark.parametrize("width", [1, 30, 50, 66, 80, 106, 200])
@pytest.mark.parametrize("name", NAMES)
def test_a_progress_line_fits(name: str, width: int) -> None:
    columns = fit_columns([name], width)
    bar = f"  {'━' * columns.bar}" if columns.bar else ""
    line = columns.name(name) + bar + "".join(f"  {fact}" for fact in columns.facts("0:05", "3.0 MB/s", "1.0 kB"))
    assert len(line) <= width


def test_columns_are_dropped_in_the_order_of_their_use() -> None:
    (name,) = names = ["acme-1.0-py3-none-any.whl"]
    shown = [(columns.bar > 0, columns.count) for columns in (fit_columns(names, width) for width in range(20, 120))]
    assert shown == sorted(shown)
    assert set(shown) == {(False, 0), (True, 1), (True, 2), (True, 3)}
    assert fit_columns(names, 50).name(name) == name


def test_a_long_name_keeps_both_ends() -> None:
    shown = fit_columns(NAMES, 66).name(NAMES[-1])
    assert shown.startswith("acme_analytics")
    assert shown.endswith("1.0.0-any.whl")
    assert "…" in shown


def test_messages_wrap_at_words_and_commands_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    command = "`pypi-publish login --index-url https://acme.example/`"
    lines = wrap(f"There are no credentials for the index; run {command} first, please.", label="hint:")
    assert command in "\n".join(lines)
    assert all(len(line) <= 50 or command in line for line in lines)
    assert lines[0].startswith("hint: There")
    assert all(line.startswith(" ") for line in lines[1:])
    assert " ".join(" ".join(lines).split()).endswith("first, please.")


def test_a_number_stays_with_its_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    for width in range(41, 60):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = wrap("acme_widgets-1.2.0.tar.gz, and one more of 3.5 MB in 2.9 s", label="     Built")
        assert not any(re.search(r"\d$", line) for line in lines), lines


def _on_terminal(
    arguments: list[str], columns: int = 80, env: Mapping[str, str] | None = None, interrupt_at: bytes | None = None
) -> tuple[str, int]:
    """Run the command on a terminal so wide; press Ctrl-C once it has shown a text."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "NO_COLOR"}}
    environment |= {"TERM": "xterm-256color", **(env or {})}
    shown = b""
    with subprocess.Popen(
        [*COMMAND, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    ) as process:
        os.close(theirs)
        with suppress(OSError):  # how a terminal ends
            interrupted = False
            while True:
                if interrupt_at and interrupt_at in shown and not interrupted:
                    process.send_signal(signal.SIGINT)
                    interrupted = True
                if interrupted and not select.select([ours], [], [], 2)[0]:
                    # one that came just before the read for an answer is noticed with the next, as in every program
                    process.send_signal(signal.SIGINT)
                    continue
                if not (chunk := os.read(ours, 65536)):
                    break
                shown += chunk
        code = process.wait(60)
    os.close(ours)
    return shown.decode(), code


@pytest.mark.parametrize(("env", "colored"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colors_are_shown_unless_they_are_unwanted(env: dict[str, str], *, colored: bool) -> None:
    shown, code = _on_terminal(["upload", "nosuch.whl"], env=env)
    assert code != 0
    assert ("\x1b[" in shown) == colored
    assert "error:" in shown


def test_errors_wrap_at_words_on_a_terminal() -> None:
    shown, _ = _on_terminal(["list"], columns=60, env={"NO_COLOR": "1"})
    assert max(map(len, shown.splitlines())) <= 60
    assert "error: No index URL is set." in shown


@pytest.mark.usefixtures("index")
def test_a_dumb_terminal_gets_lines(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "dumb_terminal", "1.0")
    shown, code = _on_terminal(["upload", str(wheel)], env={"TERM": "dumb"})
    assert code == 0, shown
    assert "\x1b" not in shown
    assert "Uploaded dumb_terminal-1.0" in shown


@pytest.mark.usefixtures("index")
def test_a_dumb_terminal_is_left_with_no_line_that_should_have_gone() -> None:
    shown, _ = _on_terminal(["doctor"], env={"TERM": "dumb"})
    assert "It asks for a password." in shown
    assert "still looking" not in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--no-such-option"], "error: No such option '--no-such-option'."),
        (["upload"], "error: Missing argument 'FILE...'."),
        (["list", "--jobs", "3"], "error: No such option '--jobs'."),
        (["publsh"], "error: No such command or folder: 'publsh'. Did you mean 'publish'?"),
    ],
)
def test_wrong_usage_looks_like_every_other_failure(arguments: list[str], message: str) -> None:
    done = pypi_publish(*arguments)
    assert done.code == 2
    assert done.stderr.startswith(message)
    assert "Usage:" not in done.stderr


def _commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from _commands(below, (*path, name))


@pytest.mark.parametrize("path", list(_commands(group)), ids=" ".join)
def test_help_fits_80_columns_and_is_not_cut_off(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(group, [*path, "--help"], terminal_width=80).output
    assert max(map(len, shown.splitlines())) <= 80
    assert not [line for line in shown.splitlines() if re.search(r"[a-z,]\.\.\.$", line)]


@pytest.mark.usefixtures("index")
def test_a_reader_that_has_gone_ends_the_run_quietly(tmp_path: Path) -> None:
    assert pypi_publish("upload", make_wheel(tmp_path, "closed_pipe", "1.0")).code == 0
    reader, writer = os.pipe()
    os.close(reader)
    with subprocess.Popen([*COMMAND, "list"], stdout=writer, stderr=subprocess.PIPE) as process:
        os.close(writer)
        _, errors = process.communicate()
    assert (process.returncode, errors) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has this device")
@pytest.mark.usefixtures("index")
def test_a_full_disk_behind_the_output_is_named() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*COMMAND, "list", "--json"], stdout=full, stderr=subprocess.PIPE, check=False, text=True)
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "Unexpected" not in done.stderr


def test_ctrl_c_at_a_prompt_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "publisher.machine.demo_keyring.DemoKeyring")
    shown, code = _on_terminal(["login"], interrupt_at=b"Index URL")
    assert code == 130
    assert "Interrupted." in shown
    assert "Aborted" not in shown


@pytest.mark.usefixtures("index")
def test_several_releases_of_one_project_are_one_project(tmp_path: Path) -> None:
    wheels = [make_wheel(tmp_path, "counted", f"1.{number}") for number in range(4)]
    assert "4 releases of counted are on http" in pypi_publish("upload", *wheels).stderr
    others = [make_wheel(tmp_path, f"counted_{number}", "1.0") for number in range(4)]
    assert "4 projects are on http" in pypi_publish("upload", *others).stderr
