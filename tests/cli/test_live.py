"""The lines of builds and uploads in progress, as a terminal of some width shows them."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest
from rich.console import Console
from rich.spinner import Spinner

from publisher.cli.display import live
from publisher.cli.display.columns import LONGEST_BAR, SHORTEST_BAR, Columns, fit_columns
from publisher.cli.display.live import LiveObserver
from publisher.cli.display.output import Output
from publisher.cli.display.wrap import wrap


@contextmanager
def _observing(monkeypatch: pytest.MonkeyPatch, verbosity: int = 0) -> Iterator[tuple[LiveObserver, Output]]:
    """Yield the display on a terminal of its own, which is closed at the end."""
    screen = Console(file=io.StringIO(), force_terminal=True, width=100)
    monkeypatch.setattr(live, "Console", lambda *, stderr: screen if stderr else None)
    output = Output(verbosity, runner=None)
    observer = LiveObserver(output)
    try:
        yield observer, output
    finally:
        observer.close()


def _lines(observer: LiveObserver, width: int = 100, *, ascii_only: bool = False) -> list[str]:
    assert observer._live is not None
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii" if ascii_only else "utf-8")
    console = Console(file=stream, width=width, force_terminal=False)
    with console.capture() as captured:
        console.print(live._Lines(observer._live.tasks, Spinner("dots")))
    return [line.rstrip()[2:] for line in captured.get().splitlines()]


def test_an_upload_is_a_bar_with_time_rate_and_size(monkeypatch: pytest.MonkeyPatch) -> None:
    with _observing(monkeypatch) as (observer, _):
        report = observer.sending("a.whl", 2000)
        report(500)
        (line,) = _lines(observer)
        assert line.startswith("Uploading a.whl  ")
        assert line.endswith("500 bytes of 2.0 kB")
        assert line.count("━") == 34
        (plain,) = _lines(observer, ascii_only=True)
        assert "########--" in plain
        assert plain.count("#") == 8
        report(9000)
        (line,) = _lines(observer)
        assert line.endswith("2.0 kB of 2.0 kB")
        assert "  waiting  " in line


def test_a_repeated_upload_begins_again(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with _observing(monkeypatch) as (observer, output):
        above: list[str] = []
        observer.sending("a.whl", 2000)(1500)
        output.above = above.append
        observer.retrying("a.whl", "no answer", 1.0)
        assert "0 bytes of 2.0 kB" in _lines(observer)[0]
        assert [click.unstyle(line) for line in above] == ["warning: a.whl: no answer; retrying in 1.0 s"]
        observer.retrying("other.whl", "no answer", 1.0)
    assert capsys.readouterr().err == ""


def test_a_build_is_a_name_and_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with _observing(monkeypatch) as (observer, _):
        observer.building(Path("project"))
        (line,) = _lines(observer)
        assert line.startswith("Building project  ")
        assert line.endswith("0:00")
        assert "━" not in line


def test_a_build_whose_output_is_shown_has_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with _observing(monkeypatch, verbosity=1) as (observer, output):
        observer.building(Path("project"))
        assert observer._live is None
        assert output.above is None


def test_a_finished_step_is_a_line_above_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with _observing(monkeypatch) as (observer, output):
        observer.sending("a.whl", 10)
        observer.sending("b.whl", 20)
        above: list[str] = []
        output.above = above.append
        observer.sent("a.whl")
        assert [line.split()[1] for line in _lines(observer)] == ["b.whl"]
        assert len(above) == 1
        assert "Uploaded a.whl (10 bytes) in 0.0 s" in click.unstyle(above[0])
        observer.sent("b.whl")
        assert vars(output)["above"] is None
    assert "Uploaded b.whl (20 bytes)" in capsys.readouterr().err


def test_a_build_ends_with_its_files(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with _observing(monkeypatch) as (observer, _):
        observer.building(Path("a"))
        observer.built(Path("a"), [Path("dist/a.whl")])
    assert "Built a.whl in 0.0 s" in capsys.readouterr().err


def test_the_same_file_has_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with _observing(monkeypatch) as (observer, _):
        observer.sending("a.whl", 10)
        observer.sending("a.whl", 10)
        with observer.attempting("a.whl"):
            assert len(_lines(observer)) == 1


def test_closing_twice_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with _observing(monkeypatch) as (observer, output):
        observer.sending("a.whl", 10)
        observer.close()
        assert (observer._live, output.above) == (None, None)
        observer.close()


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100])
def test_lines_fit_into_every_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    with _observing(monkeypatch) as (observer, _):
        for name in ("acme_widgets-1.0-py3-none-any.whl", "a.tar.gz"):
            observer.sending(name, 3_000_000)(1_000_000)
        assert all(len(line) <= width for line in _lines(observer, width))


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (200, Columns(5, LONGEST_BAR, 3)),
        (5 + 2 + 40 + 43, Columns(5, 40, 3)),
        (5 + 2 + 39 + 43, Columns(5, 39, 3)),
        (5 + 2 + SHORTEST_BAR + 43, Columns(5, SHORTEST_BAR, 3)),
        (5 + 2 + SHORTEST_BAR + 42, Columns(5, 31, 2)),
        (5 + 2 + SHORTEST_BAR + 21, Columns(5, SHORTEST_BAR, 2)),
        (5 + 2 + SHORTEST_BAR + 20, Columns(5, 21, 1)),
        (5 + 2 + SHORTEST_BAR + 9, Columns(5, SHORTEST_BAR, 1)),
        (5 + 2 + SHORTEST_BAR + 8, Columns(5, 0, 0)),
        (3, Columns(3, 0, 0)),
        (0, Columns(1, 0, 0)),
    ],
)
def test_columns_go_one_by_one(width: int, columns: Columns) -> None:
    assert fit_columns(["a.whl", "b"], width) == columns


def test_a_long_name_is_shortened_before_the_bar_goes() -> None:
    names = ["x" * 60]
    least = 2 + 7 + 2 + SHORTEST_BAR + 20
    assert fit_columns(names, least) == Columns(20, SHORTEST_BAR, 1)
    assert fit_columns(names, least - 1) == Columns(least - 1, 0, 0)
    assert fit_columns([], 100) == Columns(0, LONGEST_BAR, 3)


@pytest.mark.parametrize(
    ("width", "shown"),
    [(12, "abcdefghij  "), (10, "abcdefghij"), (9, "abcd…ghij"), (8, "abcd…hij"), (2, "a…"), (1, "…")],
)
def test_the_middle_of_a_name_is_left_out(width: int, shown: str) -> None:
    assert Columns(width, 0, 0).name("abcdefghij") == shown


def test_facts_have_the_width_of_their_columns() -> None:
    assert list(Columns(1, 10, 3).facts("0:05", "1 kB/s", "x")) == ["   0:05", "    1 kB/s", "x".rjust(20)]
    assert list(Columns(1, 10, 1).facts("0:05", "1 kB/s", "x")) == ["   0:05"]
    assert list(Columns(1, 10, 0).facts("0:05", "1 kB/s", "x")) == []


@pytest.mark.parametrize(
    ("text", "label", "indent", "lines"),
    [
        ("", "", 0, [""]),
        ("", "hint:", 0, ["hint:"]),
        ("short", "", 0, ["short"]),
        (
            "  own indent " + "word " * 10,
            "",
            0,
            ["  own indent word word word word word", "  word word word word word"],
        ),
        ("word " * 10, "", 4, ["word word word word word word word word", "word word"]),
        ("word " * 10, "hint:", 0, ["hint: word word word word word word word", "      word word word"]),
        (
            "word " * 10,
            "a very long label",
            0,
            ["a very long label word word word word", "           word word word word word word"],
        ),
        ("see " + "x" * 41, "", 0, ["see", "x" * 41]),
        ("word " * 7 + "x" * 41, "hint:", 0, ["hint: word word word word word word word", "  " + "x" * 41]),
        ("word " * 6 + "wait 12 files", "", 0, ["word word word word word word wait", "12 files"]),
    ],
)
def test_a_paragraph_is_wrapped(
    monkeypatch: pytest.MonkeyPatch, text: str, label: str, indent: int, lines: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(40 + indent))
    assert wrap(text, label=label, indent=indent) == lines


@pytest.mark.parametrize(("columns", "width"), [(10, 40), (60, 60), (110, 110), (200, 110)])
def test_a_line_is_neither_too_short_nor_too_long_to_read(
    monkeypatch: pytest.MonkeyPatch, columns: int, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert max(map(len, wrap("a " * 200))) in {width, width - 1}
