"""Steps of a run as plain lines, one for each finished step."""

import codecs
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import click

from publisher.cli.display.output import LABEL_WIDTH, Output
from publisher.client.url import IndexUrl
from publisher.project.display import human_size, without_control_characters
from publisher.project.distributions import Distribution
from publisher.publish.events import Observer
from publisher.secret import Credentials
from publisher.waiting import waiting_for


class LineObserver(Observer):
    """Writes one line for each finished step."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._started: dict[Path | str, float] = {}
        self._sizes: dict[str, int] = {}
        self._decoders: dict[Path, codecs.IncrementalDecoder] = {}

    def building(self, project: Path) -> None:
        """Report that a project's build begins."""
        self._started[project] = time.monotonic()
        self._line("Building", shown_name(project))

    def output(self, project: Path, text: bytes) -> None:
        """Pass the backend's output on, without control characters."""
        decoder = self._decoders.setdefault(project, codecs.getincrementaldecoder("utf-8")("replace"))
        shown = click.unstyle(decoder.decode(text)).replace("\r\n", "\n").replace("\r", "\n")
        with suppress(OSError):
            sys.stderr.write(without_control_characters(shown))
            sys.stderr.flush()

    def built(self, project: Path, files: Sequence[Path]) -> None:
        """Print a build's files and its duration."""
        self._line("Built", f"{', '.join(file.name for file in files)} in {self._took(project)}")

    def checked(self, distributions: Sequence[Distribution], warnings: Sequence[str]) -> None:
        """Report that the files are in order."""
        for warning in warnings:
            self._output.warn(warning)
        count = len(distributions)
        self._line("Checked", f"{count} file{'' if count == 1 else 's'}: names, contents, metadata, description")

    def connected(self, url: IndexUrl, credentials: Credentials) -> None:
        """Print the index and the account."""
        self._line("Index", f"{url} as {credentials.username} (from {credentials.source})")

    def sending(self, filename: str, size: int) -> Callable[[int], None]:
        """Note when a file begins to go up."""
        self._started[filename] = time.monotonic()
        self._sizes[filename] = size
        return lambda _sent: None

    def attempting(self, filename: str) -> AbstractContextManager[None]:
        """Report the file whose upload takes long."""
        return waiting_for(f"the upload of {filename} ({human_size(self._sizes.get(filename, 0))})")

    def sent(self, filename: str) -> None:
        """Report that a file is stored."""
        size = human_size(self._sizes.pop(filename, 0))
        self._line("Uploaded", f"{filename} ({size}) in {self._took(filename)}")

    def retrying(self, filename: str, reason: str, pause: float) -> None:
        """Report why a file is sent again."""
        self._output.warn(f"{filename}: {reason.rstrip('.')}; retrying in {pause:.1f} s")

    def warned(self, message: str) -> None:
        """Print a warning."""
        self._output.warn(message)

    def _took(self, what: Path | str) -> str:
        return f"{time.monotonic() - self._started.pop(what):.1f} s"

    def _line(self, label: str, text: str) -> None:
        self._output.note(label.rjust(LABEL_WIDTH), text, "green")


def shown_name(what: Path | str) -> str:
    """Return a file's name or a project's folder as people know it: the current folder by its name."""
    return Path().absolute().name if str(what) == "." else str(what)
