"""The demo's steps as a person sees them."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from publisher.cli.run import demo
from publisher.machine.demo import Show
from tests.helpers.shown import running


def _show(
    monkeypatch: pytest.MonkeyPatch, project: Path | None, verbosity: int = 0
) -> tuple[Result, list[Path | None]]:
    projects: list[Path | None] = []

    def run_demo(given: Path | None, show: Show) -> None:
        projects.append(given)
        for title in ("Begin", "End"):
            show.step(title)
            show.command("pypi-publish x")
            show.line("an answer\x1b[2J")
            show.done(1.26)

    monkeypatch.setattr(demo, "run_demo", run_demo)

    @click.command()
    def command() -> None:
        with running(verbosity=verbosity):
            demo.show_demo(project)

    return CliRunner().invoke(command), projects


def test_steps_are_numbered_with_their_commands_answers_and_times(monkeypatch: pytest.MonkeyPatch) -> None:
    done, projects = _show(monkeypatch, None)
    step = ["   $ pypi-publish x", "     an answer\\x1b[2J", "   ✓ 1.3 s"]
    assert done.exception is None
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "",
        "1. Begin",
        *step,
        "",
        "2. End",
        *step,
        "",
        "Everything worked. The demo leaves only a cache behind.",
        "An index of your own: `pypi-publish serve`; on Modal: docs/tutorial/.",
    ]
    assert projects == [None]
    assert _show(monkeypatch, None, verbosity=-1)[0].output == ""


def test_a_project_is_named_from_the_current_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert _show(monkeypatch, Path("a/../b"))[1] == [tmp_path.resolve() / "b"]
