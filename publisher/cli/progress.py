"""Showing a run's steps while they happen: live on a terminal, plain lines elsewhere."""

import base64
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from publisher.cli.output import Output
from publisher.github import runner as github
from publisher.publish.events import Observer

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.progress import Progress, TaskID

    from publisher.client.url import IndexUrl
    from publisher.project.distributions import Distribution
    from publisher.secret import Credentials

_LABEL_WIDTH = 10


def make_observer(output: Output) -> Observer:
    """Return what shows the steps in the way that fits where stderr goes."""
    if output.runner is not None:
        return FoldingObserver(output)
    if output.is_quiet:
        return Observer()
    return LiveObserver(output) if sys.stderr.isatty() else LineObserver(output)


class LineObserver(Observer):
    """Writes one line for each finished step."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._started: dict[Path | str, float] = {}

    def building(self, project: Path) -> None:
        """Tell that a project's build begins."""
        self._started[project] = time.monotonic()
        self._line("Building", str(project))

    def output(self, project: Path, text: bytes) -> None:  # noqa: ARG002 - lines name no project
        """Pass on what the backend printed."""
        sys.stderr.buffer.write(text)
        sys.stderr.buffer.flush()

    def built(self, project: Path, files: Sequence[Path]) -> None:
        """Tell what a build made, and how long it took."""
        self._line("Built", f"{', '.join(file.name for file in files)} in {self._took(project)}")

    def checked(self, distributions: "Sequence[Distribution]", warnings: Sequence[str]) -> None:
        """Tell that the files are in order."""
        for warning in warnings:
            self._output.warn(warning)
        count = len(distributions)
        self._line("Checked", f"{count} file{'' if count == 1 else 's'}: names, contents, metadata, description")

    def connected(self, url: "IndexUrl", credentials: "Credentials") -> None:
        """Tell where the files go and as whom."""
        self._line("Index", f"{url} as {credentials.username} (from {credentials.source})")

    def sending(self, filename: str, size: int) -> Callable[[int], None]:  # noqa: ARG002 - plain lines show no progress
        """Note when a file begins to go up."""
        self._started[filename] = time.monotonic()
        return lambda _sent: None

    def sent(self, filename: str) -> None:
        """Tell that a file is stored."""
        self._line("Uploaded", f"{filename} in {self._took(filename)}")

    def retrying(self, filename: str, reason: str, pause: float) -> None:
        """Tell why a file is sent again."""
        self._output.warn(f"{filename}: {reason} Trying again in {pause:.1f} s.")

    def _took(self, what: Path | str) -> str:
        return f"{time.monotonic() - self._started.pop(what):.1f} s"

    def _line(self, label: str, text: str) -> None:
        self._output.say(f"{click.style(label.rjust(_LABEL_WIDTH), fg='green', bold=True)} {text}")


class FoldingObserver(LineObserver):
    """Writes the same lines for GitHub's log, in which a build's own output is folded and a password is stars."""

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._quotation: github.Quotation | None = None

    def output(self, project: Path, text: bytes) -> None:
        """Begin a group in which nothing that the build prints is a command to the runner."""
        if self._quotation is None:
            self._quotation = github.Quotation()
            self._output.command(github.group(f"The build of {project} in full"))
            self._output.command(self._quotation.begin)
        super().output(project, text)

    def built(self, project: Path, files: Sequence[Path]) -> None:
        """End the group."""
        self.close()
        super().built(project, files)

    def connected(self, url: "IndexUrl", credentials: "Credentials") -> None:
        """Have the runner show stars for the password, as itself and as it stands in requests."""
        password = credentials.password.reveal()
        header = base64.b64encode(f"{credentials.username}:{password}".encode()).decode()
        for text in (password, quote(password, safe=""), header):
            for command in github.mask(text):
                self._output.command(command)
        super().connected(url, credentials)

    def close(self) -> None:
        """End a group that a failure left open."""
        if self._quotation is not None:
            self._output.command(self._quotation.end)
            self._output.command(github.END_GROUP)
            self._quotation = None


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

    def _show(self, what: Path | str, label: str, total: int | None) -> "tuple[Progress, TaskID]":
        if self._live is None:
            self._live = _progress()
            self._live.start()
        if what in self._tasks:
            return self._live, self._tasks[what]
        task = self._live.add_task(str(what), total=total, label=label.rjust(_LABEL_WIDTH - 2))
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
            from rich.text import Text

            self._live.console.print(
                Text(label.rjust(_LABEL_WIDTH), "bold green").append(f" {text}", "not bold default")
            )


def _progress() -> "Progress":
    """Return one live view for builds, whose length nobody knows, and for uploads."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        ProgressColumn,
        SpinnerColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.text import Text

    class OfUploads(ProgressColumn):
        """Shows another column for uploads, and the time that passed or nothing for builds."""

        def __init__(self, shown: ProgressColumn, otherwise: ProgressColumn | None = None) -> None:
            super().__init__()
            self._shown = shown
            self._otherwise = otherwise

        def render(self, task: Task) -> "RenderableType":
            column = self._otherwise if task.total is None else self._shown
            return column.render(task) if column else Text("")

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.fields[label]} {task.description}", markup=False),
        OfUploads(BarColumn(), TimeElapsedColumn()),
        OfUploads(DownloadColumn()),
        OfUploads(TransferSpeedColumn()),
        OfUploads(TimeRemainingColumn()),
        console=Console(stderr=True),
        transient=True,
    )
