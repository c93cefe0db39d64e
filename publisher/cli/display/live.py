"""Steps of a run on a terminal: finished ones as lines, and below them what is going on."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from publisher.cli.display.lines import LABEL_WIDTH, LineObserver
from publisher.cli.display.output import Output


class LiveObserver(LineObserver):
    """Writes the same lines, and below them what is going on: a spinner for each build, a bar for each upload."""

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._live: Progress | None = None
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
        """Show a bar of the bytes that have gone up."""
        super().sending(filename, size)
        live, task = self._show(filename, "Uploading", size)
        return lambda sent: live.update(task, completed=min(sent, size))

    def sent(self, filename: str) -> None:
        """Replace the bar by the line."""
        self._hide(filename)
        super().sent(filename)

    def retrying(self, filename: str, reason: str, pause: float) -> None:
        """Tell it above a bar that begins anew."""
        if self._live is not None and filename in self._tasks:
            self._live.reset(self._tasks[filename])
        super().retrying(filename, reason, pause)

    def close(self) -> None:
        """Take away what is shown live."""
        if self._live is not None:
            self._live.stop()
            self._live = None
            self._tasks.clear()

    def _show(self, what: Path | str, label: str, total: int | None) -> tuple[Progress, TaskID]:
        if self._live is None:
            self._live = _progress()
            self._live.start()
        if what in self._tasks:
            return self._live, self._tasks[what]
        task = self._live.add_task(str(what), total=total, label=label.rjust(LABEL_WIDTH - 2))
        self._tasks[what] = task
        return self._live, task

    def _hide(self, what: Path | str) -> None:
        if self._live is not None and what in self._tasks:
            self._live.remove_task(self._tasks.pop(what))
            if not self._tasks:
                self.close()

    def _line(self, label: str, text: str) -> None:
        if self._live is None:
            super()._line(label, text)
        elif not self._output.is_quiet:
            self._live.console.print(
                Text(label.rjust(LABEL_WIDTH), "bold green").append(f" {text}", "not bold default")
            )


class _OfUploads(ProgressColumn):
    """Shows another column for uploads, and the time that passed or nothing for builds."""

    def __init__(self, shown: ProgressColumn, otherwise: ProgressColumn | None = None) -> None:
        super().__init__()
        self._shown = shown
        self._otherwise = otherwise

    def render(self, task: Task) -> RenderableType:
        column = self._otherwise if task.total is None else self._shown
        return column.render(task) if column else Text("")


def _progress() -> Progress:
    """Return one live view for builds, whose length nobody knows, and for uploads."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.fields[label]} {task.description}", markup=False),
        _OfUploads(BarColumn(), TimeElapsedColumn()),
        _OfUploads(DownloadColumn()),
        _OfUploads(TransferSpeedColumn()),
        _OfUploads(TimeRemainingColumn()),
        console=Console(stderr=True),
        transient=True,
    )
