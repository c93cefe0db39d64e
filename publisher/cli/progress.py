"""Showing a run's steps while they happen: live on a terminal, plain lines elsewhere."""

import base64
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from publisher import github
from publisher.cli.output import Output
from publisher.progress import Observer

if TYPE_CHECKING:
    from rich.console import Console  # noqa: TID251 - the only door to rich
    from rich.progress import Progress  # noqa: TID251 - the only door to rich

    from publisher.credentials import Credentials
    from publisher.dists import Distribution
    from publisher.urls import IndexUrl

_UNITS = ("bytes", "kB", "MB", "GB")
_LABEL_WIDTH = 10


def make_observer(output: Output) -> Observer:
    """Return what shows the steps in the way that fits where stderr goes."""
    if output.runner is not None:
        return FoldingObserver(output)
    if output.is_quiet:
        return Observer()
    return LiveObserver(output) if sys.stderr.isatty() else LineObserver(output)


def human_size(size: float) -> str:
    """Return a number of bytes as people read it: 512 bytes, 20.5 kB, 1.2 MB."""
    for unit in _UNITS[:-1]:
        if size < 1000:
            return f"{size:.1f} {unit}" if unit != "bytes" else f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} {_UNITS[-1]}"


class LineObserver(Observer):
    """Writes one line for each finished step."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._started = time.monotonic()

    def building(self, project: Path) -> None:
        """Tell that a project's build begins."""
        self._started = time.monotonic()
        self._line("Building", str(project))

    def built(self, files: Sequence[Path]) -> None:
        """Tell what a build made, and how long it took."""
        names = ", ".join(file.name for file in files)
        self._line("Built", f"{names} in {time.monotonic() - self._started:.1f} s")

    def checked(self, distributions: "Sequence[Distribution]", warnings: Sequence[str]) -> None:
        """Tell that the files are in order."""
        for warning in warnings:
            self._output.warn(warning)
        count = len(distributions)
        self._line("Checked", f"{count} file{'' if count == 1 else 's'}: names, contents, metadata, description")

    def connected(self, index: "IndexUrl", credentials: "Credentials") -> None:
        """Tell where the files go and as whom."""
        self._line("Index", f"{index} as {credentials.username} (from {credentials.source})")

    def sending(self, filename: str, size: int) -> Callable[[int], None]:  # noqa: ARG002 - plain lines show no progress
        """Note when a file begins to go up."""
        self._started = time.monotonic()
        return lambda _sent: None

    def sent(self, filename: str) -> None:
        """Tell that a file is stored."""
        self._line("Uploaded", f"{filename} in {time.monotonic() - self._started:.1f} s")

    def retrying(self, filename: str, reason: str, pause: float) -> None:
        """Tell why a file is sent again."""
        self._output.warn(f"{filename}: {reason} Trying again in {pause:.1f} s.")

    def _line(self, label: str, text: str) -> None:
        self._output.say(f"{click.style(label.rjust(_LABEL_WIDTH), fg='green', bold=True)} {text}")


class FoldingObserver(LineObserver):
    """Writes the same lines for GitHub's log, in which a build's own output is folded and a password is stars."""

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._quotation: github.Quotation | None = None

    def building(self, project: Path) -> None:
        """Begin a group in which nothing that the build prints is a command to the runner."""
        super().building(project)
        self._quotation = github.Quotation()
        self._output.command(github.group(f"The build of {project} in full"))
        self._output.command(self._quotation.begin)

    def built(self, files: Sequence[Path]) -> None:
        """End the group."""
        self.close()
        super().built(files)

    def connected(self, index: "IndexUrl", credentials: "Credentials") -> None:
        """Have the runner show stars for the password, wherever it comes from, as itself and as it goes into requests."""
        password = credentials.password.reveal()
        header = base64.b64encode(f"{credentials.username}:{password}".encode()).decode()
        for text in (password, quote(password, safe=""), header):
            for command in github.mask(text):
                self._output.command(command)
        super().connected(index, credentials)

    def close(self) -> None:
        """End a group that a failure left open."""
        if self._quotation is not None:
            self._output.command(self._quotation.end)
            self._output.command(github.END_GROUP)
            self._quotation = None


class LiveObserver(LineObserver):
    """Writes the same lines, and below them what is going on: a spinner for a build, a bar for an upload."""

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._live: Progress | None = None

    def building(self, project: Path) -> None:
        """Show a spinner, unless the build's own output is shown."""
        self._started = time.monotonic()
        if not self._output.shows_build_output:
            from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: TID251

            text = TextColumn(f"{'Building'.rjust(_LABEL_WIDTH - 2)} {{task.description}}", markup=False)
            columns = (SpinnerColumn(), text, TimeElapsedColumn())
            self._show(Progress(*columns, console=_console(), transient=True), str(project), None)

    def built(self, files: Sequence[Path]) -> None:
        """Replace the spinner by the line."""
        self.close()
        super().built(files)

    def sending(self, filename: str, size: int) -> Callable[[int], None]:
        """Show a bar of the bytes that have gone up."""
        from rich.progress import (  # noqa: TID251
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        super().sending(filename, size)
        self.close()
        text = TextColumn(f"{'Uploading'.rjust(_LABEL_WIDTH)} {{task.description}}", markup=False)
        columns = (text, BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        live = Progress(*columns, console=_console(), transient=True)
        self._show(live, filename, size)
        return lambda sent: live.update(live.task_ids[0], completed=min(sent, size))

    def sent(self, filename: str) -> None:
        """Replace the bar by the line."""
        self.close()
        super().sent(filename)

    def retrying(self, filename: str, reason: str, pause: float) -> None:
        """Tell it above a bar that begins anew."""
        self.close()
        super().retrying(filename, reason, pause)

    def close(self) -> None:
        """Take away what is shown live."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _show(self, live: "Progress", description: str, total: int | None) -> None:
        self._live = live
        live.add_task(description, total=total)
        live.start()


def _console() -> "Console":
    from rich.console import Console  # noqa: TID251

    return Console(stderr=True)
