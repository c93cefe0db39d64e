"""Steps of a run on a terminal: finished ones as lines, and below them the builds and uploads in progress."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.progress import Progress, Task, TaskID
from rich.spinner import Spinner
from rich.text import Text

from publisher.cli.display.columns import fit_columns
from publisher.cli.display.lines import LineObserver, shown_name
from publisher.cli.display.output import LABEL_WIDTH, Output
from publisher.project.display import human_size

ECHO = 6
"""Columns kept free: for the spinner, and for the ``^C`` that a terminal echoes, which must not wrap a line."""


class LiveObserver(LineObserver):
    """Writes a line for each finished step, and below them one for each build and upload in progress."""

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._live: _Activity | None = None
        self._tasks: dict[Path | str, TaskID] = {}

    def building(self, project: Path) -> None:
        """Show a spinner, unless the build's own output is shown."""
        self._started[project] = time.monotonic()
        if not self._output.shows_build_output:
            self._show(project, "Building", None)

    def built(self, project: Path, files: Sequence[Path]) -> None:
        """Replace the spinner by the line."""
        self._hide(project)
        super().built(project, files)

    def sending(self, filename: str, size: int) -> Callable[[int], None]:
        """Show a bar of the bytes that were sent."""
        super().sending(filename, size)
        live, task = self._show(filename, "Uploading", size)
        return lambda sent: live.update(task, completed=min(sent, size))

    def attempting(self, filename: str) -> AbstractContextManager[None]:  # noqa: ARG002 - the bar shows it
        """Print nothing more."""
        return nullcontext()

    def sent(self, filename: str) -> None:
        """Replace the bar by the line."""
        self._hide(filename)
        super().sent(filename)

    def retrying(self, filename: str, reason: str, pause: float) -> None:
        """Print the reason above the bars, and restart the file's bar."""
        if self._live is not None and filename in self._tasks:
            self._live.reset(self._tasks[filename])
        super().retrying(filename, reason, pause)

    def close(self) -> None:
        """Remove the builds and uploads from the terminal."""
        if self._live is not None:
            self._live.stop()
            self._live = None
            self._output.above = None
            self._tasks.clear()

    def _show(self, what: Path | str, label: str, total: int | None) -> "tuple[_Activity, TaskID]":
        if self._live is None:
            self._live = _Activity(console=Console(stderr=True), transient=True)
            self._live.start()
            self._output.above = self._print_above
        if what in self._tasks:
            return self._live, self._tasks[what]
        task = self._live.add_task(shown_name(what), total=total, label=label)
        self._tasks[what] = task
        return self._live, task

    def _hide(self, what: Path | str) -> None:
        if self._live is not None and what in self._tasks:
            self._live.remove_task(self._tasks.pop(what))
            if not self._tasks:
                self.close()

    def _print_above(self, text: str) -> None:
        if self._live is not None:
            self._live.console.print(Text.from_ansi(text), soft_wrap=True)


class _Activity(Progress):
    """Progress display with one line for each task, whatever the width of the terminal."""

    def get_renderables(self) -> Iterator[RenderableType]:
        yield _Lines(self.tasks, self._spinner)

    @property
    def _spinner(self) -> Spinner:
        if not hasattr(self, "_one_spinner"):
            self._one_spinner = Spinner("dots")
        return self._one_spinner


class _Lines:
    """The lines of tasks, with as many columns as fit."""

    def __init__(self, tasks: Sequence[Task], spinner: Spinner) -> None:
        self._tasks = tasks
        self._spinner = spinner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        mark = self._spinner.render(console.get_time())
        sign = mark.plain if isinstance(mark, Text) and not options.ascii_only else "-"
        names = [task.description for task in self._tasks]
        columns = fit_columns(names, options.max_width - LABEL_WIDTH - ECHO)
        for task in self._tasks:
            line = Text(no_wrap=True, overflow="crop")
            line.append(f"{sign} ", "green").append(str(task.fields["label"]).rjust(LABEL_WIDTH - 2), "bold")
            line.append(f" {columns.name(task.description)}")
            if task.total is not None and columns.bar:
                _append_bar(line, task.percentage / 100, columns.bar, plain=options.ascii_only)
            for text in columns.facts(_time(task), _rate(task), _size(task)):
                line.append(f"  {text}", "cyan")
            yield line


def _append_bar(line: Text, done: float, width: int, *, plain: bool) -> None:
    full = round(done * width)
    line.append("  ").append(("#" if plain else "━") * full, "green")
    line.append(("-" if plain else "━") * (width - full), "bright_black")


def _time(task: Task) -> str:
    """Return the remaining time of an upload or the elapsed time of a build, as M:SS; an index may take its time."""
    if task.finished:
        return "waiting"
    seconds = task.elapsed if task.total is None else task.time_remaining
    if seconds is None:
        return "-:--"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"


def _rate(task: Task) -> str:
    speed = task.finished_speed or task.speed
    return f"{human_size(speed)}/s" if task.total is not None and speed else ""


def _size(task: Task) -> str:
    return "" if task.total is None else f"{human_size(task.completed)} of {human_size(task.total)}"
